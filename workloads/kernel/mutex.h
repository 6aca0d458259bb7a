// One process at a time, which may sleep while it has the lock (Linux: a semaphore of 1). The paths around it include
// what taking it costs while it is free.
#pragma once

#include "model/task.h"
#include "workloads/kernel/wait_queue.h"

namespace guest {

class Kernel;

class Mutex {
 public:
  model::Task<> lock(Kernel& kernel);
  void unlock(Kernel& kernel);

 private:
  bool held_ = false;
  WaitQueue waiting_;
};

}  // namespace guest
