// Sets of physical CPUs as xl writes them: "0", "0-1", "0,2".
#pragma once

#include <string>

#include "workloads/spec.h"

namespace runner {

inline constexpr const char* kCpuSetPattern = R"(^ *[0-9]+ *(- *[0-9]+ *)?(, *[0-9]+ *(- *[0-9]+ *)?)*$)";

// Throws Mismatch.
guest::CpuSet parse_cpu_set(const std::string& text);
std::string format_cpu_set(guest::CpuSet cpus);

}  // namespace runner
