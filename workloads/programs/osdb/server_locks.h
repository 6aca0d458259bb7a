// How processes of the database server wait for each other. (PostgreSQL 7.1: s_lock.c, lock manager.)
#pragma once

#include <deque>
#include <utility>

#include "workloads/kernel/system_calls.h"

namespace guest {

// In shared memory, taken by a locked instruction. Who finds it held looks again a few times and then sleeps in
// select() for a tick, with a time out and nothing to wait for.
class SpinLock {
 public:
  SpinLock(sim::Cycles look, u32 looks) : look_{look}, looks_{looks} {}

  bool try_lock() { return !std::exchange(held_, true); }
  void unlock() { held_ = false; }
  // One unsuccessful look, or a sleep; `looks` counts what this caller has had.
  model::Task<> back_off(SystemCalls& calls, u32& looks);
  model::Task<> lock(SystemCalls& calls);
  u64 sleeps() const { return sleeps_; }

 private:
  sim::Cycles look_;
  u32 looks_;
  bool held_ = false;
  u64 sleeps_ = 0;
};

// Of the lock manager, held longer: who waits sleeps on a semaphore of his own, first come, first served.
class TableLock {
 public:
  model::Task<> lock(SystemCalls& calls, u32 own_semaphore);
  model::Task<> unlock(SystemCalls& calls);

 private:
  bool held_ = false;
  std::deque<u32> waiting_;
};

}  // namespace guest
