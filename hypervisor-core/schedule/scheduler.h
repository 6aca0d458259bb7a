// What a CPU scheduler is: a policy that is told what happened and answers who runs until when.
//
// A policy never switches anything and never reads a clock: every call carries the time. The generic layer
// (schedule/run_state.h) keeps the vCPUs' states, one run timer per CPU, and acts on the answers. A new policy is one
// file implementing this class, one line in schedule/registry.cpp, one test and one page of documentation.
#pragma once

#include "base/error.h"
#include "base/types.h"
#include "interface/control.h"

namespace hv {

struct Vcpu;

// Who runs next, and the time at which the policy wants to be asked again. `until` is absolute.
struct Decision {
  Vcpu* vcpu;
  SystemTime until;
};

// What a policy wants after it was told something.
struct Reaction {
  bool reschedule = false;  // run decide() on `cpu` now
  CpuId cpu = 0;
  SystemTime decide_by = kNever;  // else: bring that CPU's run timer forward to this time, if it is later
};

class Scheduler {
 public:
  virtual const char* name() const = 0;

  // A vCPU exists from add() to remove(). It is not runnable at add(). vcpu.cpu says where it is placed.
  virtual void add(Vcpu& vcpu) = 0;
  virtual void remove(Vcpu& vcpu) = 0;

  // `vcpu` became runnable (wake) or stopped being so without running (sleep). A running vCPU that blocks is not
  // announced: decide() finds it not runnable.
  virtual Reaction wake(Vcpu& vcpu, SystemTime now) = 0;
  virtual void sleep(Vcpu& vcpu, SystemTime now) = 0;

  // The CPU is free to choose. `current` is what it ran since current->run_since; account for it, pick the next.
  // current is the CPU's idle vCPU when nothing ran. Answers the idle vCPU when nothing is runnable.
  virtual Decision decide(CpuId cpu, Vcpu& current, SystemTime now) = 0;

  // The policy's own timers on a CPU (warp limits, accounting): the earliest, and its expiry. Called with
  // now >= next_timer(cpu); handles exactly one expired timer.
  virtual SystemTime next_timer(CpuId cpu) const = 0;
  virtual Reaction timer_expired(CpuId cpu, SystemTime now) = 0;

  virtual HypercallResult adjust(Vcpu& vcpu, const SchedulerParameters& parameters, SystemTime now) = 0;

 protected:
  ~Scheduler() = default;
};

}  // namespace hv
