// What a kernel's memory is used for, and what it does when there is little.
#pragma once

#include <string>
#include <vector>

#include "workloads/hosts/platform.h"
#include "workloads/kernel/kernel.h"

namespace guest {

// Under `prefix`.
void add_memory_metrics(const Kernel& kernel, const std::string& prefix, std::vector<Metric>& metrics);

}  // namespace guest
