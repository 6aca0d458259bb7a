// What domain 0 tells the hypervisor's scheduler of a guest, whichever scheduler it is.
#pragma once

#include <vector>

#include "interface/control.h"
#include "workloads/spec.h"

namespace guest {

inline constexpr std::uint32_t kStandardWeight = 256;

// By how much BVT's standard advance must be multiplied, for all domains, so that each advance is a whole number: 1 for
// weights that divide 2560. The historical variants add virtual times to nanoseconds, or keep 32 bits of them: not for
// those.
std::uint32_t advance_scale(const std::vector<std::uint32_t>& weights);

hv::SchedulerParameters scheduler_parameters(const ScheduleSettings& settings, std::uint32_t scale);

}  // namespace guest
