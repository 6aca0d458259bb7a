// The last resort of a kernel without memory: to kill a process. (Linux 2.4, mm/oom_kill.c.)
//
// Not at the first failure: nobody is killed while there is swap, nor before ten failures over at least a second with
// no more than five between two of them, nor in the five seconds after a kill. The victim is the process with the
// highest score: its memory, less for those that have used much CPU time or have run long, twice that for nice ones, a
// quarter for root's.
#pragma once

#include <cstddef>

#include "workloads/kernel/process.h"

namespace guest {

class Kernel;

class OutOfMemory {
 public:
  explicit OutOfMemory(Kernel& kernel) : kernel_{kernel} {}

  void failed();  // nothing could be freed; in a process
  // `now` in ticks. In pages, scaled; 0: it is never chosen.
  static u64 score(const Process& process, u64 now);
  u64 kills() const { return kills_; }

 private:
  void kill();

  Kernel& kernel_;
  u64 first_ = 0, last_ = 0, last_kill_ = 0;  // ticks
  u32 failures_ = 0;
  u64 kills_ = 0;
};

}  // namespace guest
