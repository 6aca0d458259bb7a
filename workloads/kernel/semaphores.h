// Semaphores of System V, each a set of its own: what servers of several processes sleep on. (Linux 2.4, ipc/sem.c.)
#pragma once

#include <deque>

#include "model/task.h"
#include "workloads/kernel/memory.h"
#include "workloads/kernel/wait_queue.h"

namespace guest {

class Kernel;

class Semaphores {
 public:
  u32 make(u32 value);
  // Adds to the value; of a negative number waits until it stays 0 or more. Charged.
  model::Task<> add(Kernel& kernel, u32 number, s32 by);
  u32 value(u32 number) const { return semaphores_.at(number).value; }

 private:
  struct Semaphore {
    u32 value = 0;
    WaitQueue waiting;
  };
  std::deque<Semaphore> semaphores_;  // that stay where they are
};

}  // namespace guest
