// What the CPUs spent their time on, for benchmarks that report it beside their result.
#pragma once

#include <array>
#include <cstdint>

#include "model/machine.h"

namespace guest {

inline constexpr std::size_t kCauses = static_cast<std::size_t>(model::Cause::count);

// Of all CPUs together, since power-on, in cycles.
inline std::array<std::int64_t, kCauses> causes_of(const model::Machine& machine) {
  std::array<std::int64_t, kCauses> sum{};
  for (hv::CpuId cpu = 0; cpu < machine.cpu_count(); ++cpu) {
    const model::Causes& causes = machine.physical_cpu(cpu).causes();
    for (std::size_t i = 0; i < kCauses; ++i) sum[i] += causes[i].count();
  }
  return sum;
}

}  // namespace guest
