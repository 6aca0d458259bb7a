// What a kernel's disks have done, as metrics of a host.
#pragma once

#include <string>
#include <vector>

#include "workloads/hosts/platform.h"
#include "workloads/kernel/kernel.h"

namespace guest {

// Sums over the kernel's request queues, under PREFIX.disk_reads and so on.
void add_disk_metrics(const Kernel& kernel, const std::string& prefix, std::vector<Metric>& metrics);

}  // namespace guest
