#include "workloads/programs/lmbench/timer.h"

#include <algorithm>

#include "workloads/kernel/system_calls.h"
#include "workloads/programs/causes.h"

namespace guest {

void Timing::add(const Timing& other, double factor) {
  cycles += factor * other.cycles;
  for (std::size_t i = 0; i < causes.size(); ++i) causes[i] += factor * other.causes[i];
}

Timing median(std::vector<Timing> timings) {
  const auto middle = timings.begin() + static_cast<std::ptrdiff_t>((timings.size() - 1) / 2);
  std::nth_element(timings.begin(), middle, timings.end(),
                   [](const Timing& a, const Timing& b) { return a.cycles < b.cycles; });
  return *middle;
}

Timer::Reading Timer::read(SystemCalls& calls) {
  model::Machine& machine = calls.machine();
  Reading reading;
  reading.cycles = machine.running().cycles().count();
  reading.causes = causes_of(machine);
  return reading;
}

model::Task<bool> Timer::again(SystemCalls& calls) {
  if (begun_ >= kWarmUp && (begun_ - kWarmUp) % iterations_ == 0) {
    const Reading now = read(calls);
    if (begun_ > kWarmUp) {
      Timing& timing = timings_.emplace_back();
      timing.cycles = static_cast<double>(now.cycles - sample_begin_.cycles) / iterations_;
      for (std::size_t i = 0; i < now.causes.size(); ++i) {
        timing.causes[i] = static_cast<double>(now.causes[i] - sample_begin_.causes[i]) / iterations_;
      }
    }
    sample_begin_ = now;
    if (timings_.size() == samples_) co_return false;
  }
  ++begun_;
  co_await calls.access(loop_, sim::Cycles{0});
  co_return true;
}

}  // namespace guest
