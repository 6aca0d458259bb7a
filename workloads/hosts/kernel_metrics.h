// Counts of a kernel that does not run on the hypervisor, for reports.
#pragma once

#include <string>
#include <vector>

#include "workloads/hosts/platform.h"
#include "workloads/kernel/kernel.h"

namespace guest {

// "<prefix>.ticks", and so on: of its activity, its locks, its disks if there are any, and its memory.
void add_kernel_metrics(const Kernel& kernel, const std::string& prefix, std::vector<Metric>& metrics);

}  // namespace guest
