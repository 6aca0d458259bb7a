#include "schedule/registry.h"

namespace hv {

#define SCHEDULER(entry) extern const SchedulerEntry entry;
#include "schedule/schedulers.inc"
#undef SCHEDULER

namespace {

constexpr const SchedulerEntry* kSchedulers[] = {
#define SCHEDULER(entry) &entry,
#include "schedule/schedulers.inc"
#undef SCHEDULER
};

bool same(const char* a, const char* b) {
  while (*a != '\0' && *a == *b) ++a, ++b;
  return *a == *b;
}

}  // namespace

u32 scheduler_count() { return sizeof kSchedulers / sizeof *kSchedulers; }

const SchedulerEntry& scheduler_entry(u32 index) { return *kSchedulers[index]; }

u64 scheduler_bytes() {
  u64 most = 0;
  for (const SchedulerEntry* entry : kSchedulers) most = entry->bytes > most ? entry->bytes : most;
  return most + alignof(std::max_align_t);
}

Scheduler* make_scheduler(const char* name, const char* variant, const SchedulerSettings& settings, Arena& arena) {
  for (const SchedulerEntry* entry : kSchedulers) {
    if (!same(entry->name, name)) continue;
    for (u32 i = 0; i < entry->variant_count; ++i) {
      if (same(entry->variants[i].name, variant)) return entry->make(i, settings, arena);
    }
  }
  return nullptr;
}

}  // namespace hv
