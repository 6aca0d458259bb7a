#include "workloads/kernel/semaphores.h"

#include "workloads/kernel/kernel.h"
#include "workloads/kernel/system_calls.h"

namespace guest {

u32 Semaphores::make(u32 value) {
  semaphores_.emplace_back().value = value;
  return static_cast<u32>(semaphores_.size() - 1);
}

model::Task<> Semaphores::add(Kernel& kernel, u32 number, s32 by) {
  Semaphore& semaphore = semaphores_.at(number);
  kernel.charge(kernel.paths().semaphore);
  if (by >= 0) {
    semaphore.value += static_cast<u32>(by);
    if (Process* waiting = semaphore.waiting.take_first()) kernel.wake(*waiting);
    co_return;
  }
  const u32 wanted = static_cast<u32>(-by);
  while (semaphore.value < wanted) {
    co_await kernel.sleep_on(semaphore.waiting);
    if (kernel.signal_pending()) co_return;
  }
  semaphore.value -= wanted;
}

model::Task<u32> SystemCalls::semaphore(u32 value) {
  kernel_.enter_system_call();
  kernel_.charge(kernel_.paths().semaphore);
  const u32 number = kernel_.semaphores().make(value);
  co_await kernel_.leave_system_call();
  co_return number;
}

model::Task<> SystemCalls::semaphore_add(u32 number, s32 by) {
  kernel_.enter_system_call();
  co_await kernel_.semaphores().add(kernel_, number, by);
  co_await kernel_.leave_system_call();
}

}  // namespace guest
