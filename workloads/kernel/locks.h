// The locks of Linux 2.4 that the whole kernel shares, and what takes which.
//
// Which path of the kernel is inside which lock is in the table of path.cpp, how much of it in linux24.json (`held`).
// Locks of one object, such as those of an address space, a socket or a file table, are never contended here: a process
// has one thread.
#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "workloads/kernel/path.h"
#include "workloads/kernel/spin_lock.h"

namespace guest {

class Kernel;
struct Process;

// The big kernel lock: a process may take it again while it has it, and does not have it while it sleeps [lock_kernel,
// release_kernel_lock in schedule()].
class BigKernelLock {
 public:
  BigKernelLock(Kernel& kernel, u32 lines);
  // Of the current process. A release for every take.
  model::Task<> take();
  model::Task<> release();
  // Around a switch to another process, whatever their number.
  model::Task<> give_up(const Process& process);
  model::Task<> take_back(const Process& process);
  void set_spin_limit(sim::Cycles limit) { lock_.set_spin_limit(limit); }
  const LockCounts& counts() const { return lock_.counts(); }

 private:
  Kernel& kernel_;
  KernelSpinLock lock_;
};

class KernelLocks {
 public:
  KernelLocks(Kernel& kernel, Port& port, u32 processors, const KernelFile& file);

  BigKernelLock& big() { return big_; }
  // The present processor has gone through `path` since `from`, and was inside its lock for its share of the time: what
  // it had to wait for that is charged.
  void pass(const Path& path, sim::Cycles from);

  static constexpr std::size_t kCount = kLocks + 1;  // the last one is the big lock
  static std::string_view name(std::size_t lock);
  const LockCounts& counts(std::size_t lock) const { return lock < kLocks ? brief_[lock].counts() : big_.counts(); }

 private:
  Kernel& kernel_;
  Port& port_;
  const KernelFile& file_;
  std::vector<BriefLock> brief_;
  BigKernelLock big_;
};

}  // namespace guest
