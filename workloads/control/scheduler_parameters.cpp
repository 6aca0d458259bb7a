#include "workloads/control/scheduler_parameters.h"

#include <algorithm>
#include <numeric>

namespace guest {

namespace {

constexpr std::uint32_t kStandardAdvance = 10;  // BVT's mcu_advance at the standard weight

void put(sim::Duration time, std::uint32_t& low, std::uint32_t& high) {
  const auto nanoseconds = static_cast<std::uint64_t>(time.nanoseconds());
  low = hv::low_word(nanoseconds);
  high = hv::high_word(nanoseconds);
}

}  // namespace

// Beyond the finest division a weight is taken to the nearest advance.
std::uint32_t advance_scale(const std::vector<std::uint32_t>& weights) {
  constexpr std::uint32_t kMostScale = 10'000;
  std::uint64_t scale = 1;
  for (const std::uint64_t weight : weights) {
    scale *= weight / std::gcd(kStandardAdvance * kStandardWeight * scale, weight);
    if (scale > kMostScale) return kMostScale;
  }
  return static_cast<std::uint32_t>(scale);
}

hv::SchedulerParameters scheduler_parameters(const ScheduleSettings& settings, std::uint32_t scale) {
  hv::SchedulerParameters parameters{};
  const std::uint32_t advance = (kStandardAdvance * kStandardWeight * scale + settings.weight / 2) / settings.weight;
  parameters.mcu_advance = std::max(1u, advance);
  parameters.weight = settings.weight;
  parameters.cap = settings.cap;
  if (const auto& warp = settings.warp; warp && warp->value != 0) {
    parameters.warp = 1;
    parameters.warp_value = warp->value * scale;
    put(warp->limit, parameters.warp_limit_low, parameters.warp_limit_high);
    put(warp->unwarp, parameters.unwarp_low, parameters.unwarp_high);
  }
  // Without a guarantee an equal share of extra time, which is what SEDF gives by itself.
  parameters.extra = parameters.extra_weight = 1;
  if (const auto& sedf = settings.sedf) {
    put(sedf->period, parameters.period_low, parameters.period_high);
    put(sedf->slice, parameters.slice_low, parameters.slice_high);
    put(sedf->latency, parameters.latency_low, parameters.latency_high);
    parameters.extra = sedf->extra ? 1 : 0;
    parameters.extra_weight = sedf->weight;
  }
  return parameters;
}

}  // namespace guest
