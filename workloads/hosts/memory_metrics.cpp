#include "workloads/hosts/memory_metrics.h"

namespace guest {

void add_memory_metrics(const Kernel& kernel, const std::string& prefix, std::vector<Metric>& metrics) {
  const auto add = [&](const char* name, u64 value, const char* unit) {
    metrics.push_back({prefix + name, static_cast<s64>(value), unit});
  };
  add(".processes", kernel.processes().size(), "");
  add(".swapped_in", kernel.swap().counts().pages_in, "pages");
  add(".swapped_out", kernel.swap().counts().pages_out, "pages");
  add(".swap_used", kernel.swap().slots() - kernel.swap().free_slots(), "pages");
  add(".pages_unmapped", kernel.reclaim().counts().unmapped, "pages");
  add(".pages_reclaimed", kernel.reclaim().counts().freed, "pages");
  add(".memory_waits", kernel.reclaim().counts().waits, "");
  add(".processes_killed", kernel.reclaim().out_of_memory().kills(), "");
}

}  // namespace guest
