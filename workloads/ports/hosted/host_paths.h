// What the host's own code costs below a guest: the paths of the Linux 2.4 model, at the lengths that a native kernel
// is charged for, so that a host call costs what a call of that kind costs natively.
#pragma once

#include "model/machine.h"
#include "workloads/kernel/path.h"

namespace guest {

class HostPaths {
 public:
  HostPaths(model::Machine& machine, const KernelFile& kernel) : machine_{machine}, kernel_{kernel} {}

  const KernelFile::Paths& paths() const { return kernel_.paths; }
  sim::Cycles length(const Path& path) const;
  sim::Cycles call_and_return() const;  // entry, system call code, return
  sim::Cycles call() const;             // a system call that does little: the mean of native null I/O

  // Charges the running CPU, as the host.
  void spend(sim::Cycles cycles) const;
  void spend(const Path& path) const { spend(length(path)); }

 private:
  model::Machine& machine_;
  const KernelFile& kernel_;
};

// What is charged meanwhile is the host's, which is ring 0.
class InHost {
 public:
  explicit InHost(model::Cpu& cpu) : registers_{cpu.registers()}, cs_{registers_.cs} {
    registers_.cs = hw::kHypervisorCs;
  }
  InHost(const InHost&) = delete;
  InHost& operator=(const InHost&) = delete;
  ~InHost() { registers_.cs = cs_; }

 private:
  hw::Registers& registers_;
  hv::u32 cs_;
};

}  // namespace guest
