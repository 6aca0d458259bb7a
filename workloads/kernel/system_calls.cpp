#include "workloads/kernel/system_calls.h"

#include "model/execution.h"

namespace guest {

model::Task<> SystemCalls::compute(sim::Cycles work, const model::Footprint* footprint) {
  co_await model::compute(kernel_.machine(), work, footprint);
}

model::Task<> SystemCalls::access(model::Sweep sweep, sim::Cycles work) {
  co_await model::compute(kernel_.machine(), work, {&sweep, 1});
}

model::Task<> SystemCalls::access(std::span<const model::Sweep> sweeps, sim::Cycles work) {
  co_await model::compute(kernel_.machine(), work, sweeps);
}

}  // namespace guest
