// What domain 0 tells the hypervisor's scheduler of a guest, whichever scheduler it is.
#pragma once

#include "interface/control.h"
#include "workloads/spec.h"

namespace guest {

inline constexpr std::uint32_t kStandardWeight = 256;

hv::SchedulerParameters scheduler_parameters(const ScheduleSettings& settings);

}  // namespace guest
