// Counts of the locks of a kernel on several processors, for reports.
#pragma once

#include <string>
#include <vector>

#include "workloads/hosts/platform.h"
#include "workloads/kernel/kernel.h"

namespace guest {

// "<prefix>.lock.<name>.takes", and so on, of each of the kernel's locks; nothing on one processor.
void add_lock_metrics(const Kernel& kernel, const std::string& prefix, std::vector<Metric>& metrics);

}  // namespace guest
