#include "workloads/hosts/disk_metrics.h"

#include "hardware/block_device.h"

namespace guest {

void add_disk_metrics(const Kernel& kernel, const std::string& prefix, std::vector<Metric>& metrics) {
  RequestQueue::Counts sum;
  for (const auto& queue : kernel.request_queues()) {
    const RequestQueue::Counts& counts = queue->counts();
    for (std::size_t i = 0; i < 2; ++i) {
      sum.requests[i] += counts.requests[i];
      sum.sectors[i] += counts.sectors[i];
      sum.merges[i] += counts.merges[i];
    }
    sum.waits += counts.waits;
    sum.failed += counts.failed;
  }
  const auto add = [&](const char* name, u64 value, const char* unit) {
    metrics.push_back({prefix + name, static_cast<s64>(value), unit});
  };
  add(".disk_reads", sum.requests[0], "requests");
  add(".disk_writes", sum.requests[1], "requests");
  add(".disk_read_bytes", sum.sectors[0] * hw::kSectorBytes, "B");
  add(".disk_written_bytes", sum.sectors[1] * hw::kSectorBytes, "B");
  add(".disk_merges", sum.merges[0] + sum.merges[1], "buffers");
  add(".disk_waits", sum.waits, "");
  add(".disk_errors", sum.failed, "buffers");
}

}  // namespace guest
