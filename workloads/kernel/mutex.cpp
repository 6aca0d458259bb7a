#include "workloads/kernel/mutex.h"

#include "workloads/kernel/kernel.h"

namespace guest {

model::Task<> Mutex::lock(Kernel& kernel) {
  while (held_) co_await kernel.sleep_on(waiting_);
  held_ = true;
}

void Mutex::unlock(Kernel& kernel) {
  held_ = false;
  if (Process* next = waiting_.take_first()) kernel.wake(*next);
}

}  // namespace guest
