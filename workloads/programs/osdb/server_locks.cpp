#include "workloads/programs/osdb/server_locks.h"

namespace guest {

model::Task<> SpinLock::back_off(SystemCalls& calls, u32& looks) {
  if (++looks % (looks_ + 1) != 0) {
    co_await calls.compute(look_);
    co_return;
  }
  ++sleeps_;
  co_await calls.select({}, false, 1);
}

model::Task<> SpinLock::lock(SystemCalls& calls) {
  u32 looks = 0;
  while (!try_lock()) co_await back_off(calls, looks);
}

model::Task<> TableLock::lock(SystemCalls& calls, u32 own_semaphore) {
  if (!held_) {
    held_ = true;
    co_return;
  }
  waiting_.push_back(own_semaphore);
  co_await calls.semaphore_add(own_semaphore, -1);  // and it is ours
}

model::Task<> TableLock::unlock(SystemCalls& calls) {
  if (waiting_.empty()) {
    held_ = false;
    co_return;
  }
  const u32 next = waiting_.front();
  waiting_.pop_front();
  co_await calls.semaphore_add(next, 1);
}

}  // namespace guest
