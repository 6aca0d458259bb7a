// System calls about signals.
#include "workloads/kernel/signals.h"
#include "workloads/kernel/system_calls.h"

namespace guest {

model::Task<> SystemCalls::signal_action(Signal signal, UserCode handler) {
  kernel_.enter_system_call();
  kernel_.charge(kernel_.paths().signal_action);
  // The new action in, the old one out.
  kernel_.port().did(Operation::user_copy, 2);
  process_.signal_handlers[number_of(signal)] = std::move(handler);
  co_await kernel_.leave_system_call();
}

model::Task<u32> SystemCalls::alarm(u32 seconds) {
  kernel_.enter_system_call();
  kernel_.charge(kernel_.paths().alarm);
  const u64 left = kernel_.set_alarm(process_, u64{seconds} * kTicksPerSecond);
  co_await kernel_.leave_system_call();
  co_return static_cast<u32>((left + kTicksPerSecond - 1) / kTicksPerSecond);
}

model::Task<bool> SystemCalls::kill(ProcessId process, std::optional<Signal> signal) {
  kernel_.enter_system_call();
  Process* const target = kernel_.find_process(process);
  if (signal && target != nullptr) {
    kernel_.signal(*target, *signal);
  } else {
    kernel_.charge(kernel_.paths().identity);
  }
  co_await kernel_.leave_system_call();
  co_return target != nullptr;
}

model::Task<> SystemCalls::pause() {
  kernel_.enter_system_call();
  WaitQueue for_signals;
  while (!kernel_.signal_pending()) co_await kernel_.sleep_on(for_signals);
  co_await kernel_.leave_system_call();
}

}  // namespace guest
