#include "workloads/hosts/kernel_metrics.h"

#include "workloads/hosts/disk_metrics.h"
#include "workloads/hosts/lock_metrics.h"
#include "workloads/hosts/memory_metrics.h"
#include "workloads/kernel/network/network_stack.h"

namespace guest {

void add_kernel_metrics(const Kernel& kernel, const std::string& prefix, std::vector<Metric>& metrics) {
  const auto count = [&](const char* name, u64 value, const char* unit) {
    metrics.push_back({prefix + name, static_cast<std::int64_t>(value), unit});
  };
  count(".ticks", kernel.ticks(), "");
  count(".system_calls", kernel.activity().system_calls, "");
  count(".page_faults", kernel.activity().page_faults, "");
  count(".process_switches", kernel.activity().switches, "");
  count(".socket_dropped", kernel.network().udp().buffer_full(), "packets");
  add_lock_metrics(kernel, prefix, metrics);
  if (!kernel.disks().empty()) add_disk_metrics(kernel, prefix, metrics);
  add_memory_metrics(kernel, prefix, metrics);
}

}  // namespace guest
