#include "schedule/registry.h"

#include "schedule/bvt.h"

namespace hv {

namespace {

constexpr SchedulerVariant kBvtVariants[] = {
    {"paper", "as Duda and Cheriton and the SOSP 2003 paper mean it"},
    {"xen-1.0", "as released in October 2003: wakes wait for the allowance, slices ignore weights"},
    {"xen-1.2", "as released in January 2004: decides as xen-1.0"},
    {"xen-2.0", "as released in November 2004: wakes preempt, warping by timers, slices ignore weights"},
};

Scheduler* make_bvt(u32 variant, const SchedulerSettings& settings, Arena& arena) {
  constexpr const BvtRules* kRules[] = {&kBvtPaper, &kBvtXen1, &kBvtXen1, &kBvtXen2};
  static_assert(sizeof kRules / sizeof *kRules == sizeof kBvtVariants / sizeof *kBvtVariants);
  return arena.construct<Bvt>(*kRules[variant], settings.context_switch_allowance);
}

constexpr SchedulerEntry kSchedulers[] = {
    {"bvt", "borrowed virtual time: weighted shares with low latency for warped domains", kBvtVariants,
     sizeof kBvtVariants / sizeof *kBvtVariants, make_bvt},
};

bool same(const char* a, const char* b) {
  while (*a != '\0' && *a == *b) ++a, ++b;
  return *a == *b;
}

}  // namespace

u32 scheduler_count() { return sizeof kSchedulers / sizeof *kSchedulers; }

const SchedulerEntry& scheduler_entry(u32 index) { return kSchedulers[index]; }

u64 scheduler_bytes() { return sizeof(Bvt) + alignof(Bvt); }

Scheduler* make_scheduler(const char* name, const char* variant, const SchedulerSettings& settings, Arena& arena) {
  for (const SchedulerEntry& entry : kSchedulers) {
    if (!same(entry.name, name)) continue;
    for (u32 i = 0; i < entry.variant_count; ++i) {
      if (same(entry.variants[i].name, variant)) return entry.make(i, settings, arena);
    }
  }
  return nullptr;
}

}  // namespace hv
