// The schedulers there are: an explicit list, schedulers.inc, which `list`, the check of experiment files and their
// error messages read.
#pragma once

#include "base/arena.h"
#include "schedule/scheduler.h"

namespace hv {

struct SchedulerVariant {
  const char* name;
  const char* summary;  // one line
};

struct SchedulerEntry {
  const char* name;
  const char* summary;  // one line
  const SchedulerVariant* variants;
  u32 variant_count;  // the first is the default
  u64 bytes;          // what make() takes from the arena
  Scheduler* (*make)(u32 variant, const SchedulerSettings& settings, Arena& arena);
};

u32 scheduler_count();
const SchedulerEntry& scheduler_entry(u32 index);

// Room that make_scheduler() may take from the arena.
u64 scheduler_bytes();

// Null: no scheduler or variant of that name, or the arena is used up.
Scheduler* make_scheduler(const char* name, const char* variant, const SchedulerSettings& settings, Arena& arena);

}  // namespace hv
