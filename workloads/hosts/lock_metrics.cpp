#include "workloads/hosts/lock_metrics.h"

#include <fmt/format.h>

namespace guest {

void add_lock_metrics(const Kernel& kernel, const std::string& prefix, std::vector<Metric>& metrics) {
  if (!kernel.several_processors()) return;
  for (std::size_t lock = 0; lock < KernelLocks::kCount; ++lock) {
    const LockCounts& counts = kernel.locks().counts(lock);
    const auto add = [&](const char* what, u64 value, const char* unit) {
      metrics.push_back(
          {fmt::format("{}.lock.{}.{}", prefix, KernelLocks::name(lock), what), static_cast<s64>(value), unit});
    };
    add("takes", counts.takes, "");
    add("contended", counts.contended, "");
    add("moves", counts.moves, "");
    add("yields", counts.yields, "");
    add("spun", static_cast<u64>(counts.spun.count()), "cycles");
  }
}

}  // namespace guest
