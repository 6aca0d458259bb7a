// What a CPU scheduler is: a policy that is told what happened and answers who runs until when.
//
// A policy never switches anything and never reads a clock: every call carries the time. The generic layer
// (schedule/run_state.h) keeps the vCPUs' states, one run timer per CPU, and acts on the answers. A new policy is one
// file implementing this class, one line in schedule/registry.cpp, one test and one page of documentation.
// The rest of the core talks to the generic layer only.
#pragma once

#include "base/error.h"
#include "base/types.h"
#include "interface/control.h"
#include "schedule/timer_queue.h"

namespace hv {

struct Vcpu;

// Who runs next, and the time at which the policy wants to be asked again. `until` is absolute.
struct Decision {
  Vcpu* vcpu;
  SystemTime until;
  u32 scanned = 0;  // queue elements looked at: the cost of the decision grows with it
};

// What a policy wants after it was told something.
struct Reaction {
  bool reschedule = false;  // run decide() on `cpu` now
  CpuId cpu = 0;
  SystemTime decide_by = kNever;  // else: bring that CPU's run timer forward to this time, if it is later
};

// What a trace of decisions shows of a vCPU: up to four numbers, which ones is the policy's affair.
struct Inspection {
  u32 count = 0;
  s64 values[4] = {};
};

class Scheduler {
 public:
  // A vCPU exists from add() to remove(). It is not runnable at add() and at remove(). vcpu.cpu says where it is
  // placed. The idle vCPU of each CPU is added first; it is always runnable and never woken, moved or removed.
  virtual void add(Vcpu& vcpu) = 0;
  virtual void remove(Vcpu& vcpu) = 0;
  // Places a vCPU that is not runnable on another CPU, and sets vcpu.cpu.
  virtual void move(Vcpu& vcpu, CpuId to) = 0;

  // `vcpu` became runnable (wake) or stopped being so without running (sleep). A running vCPU that blocks or is paused
  // is not announced: decide() finds that it does not want the CPU. yield: the running vCPU gives up its CPU but stays
  // runnable; decide() follows.
  virtual Reaction wake(Vcpu& vcpu, SystemTime now) = 0;
  virtual void sleep(Vcpu& vcpu, SystemTime now) = 0;
  virtual void yield(Vcpu& vcpu, SystemTime now) = 0;

  // The CPU is free to choose. `current` is what it ran since current.run_since; account for it, pick the next.
  // current is the CPU's idle vCPU when nothing ran. Answers the idle vCPU when nothing is runnable.
  virtual Decision decide(CpuId cpu, Vcpu& current, SystemTime now) = 0;

  // One of the policy's own timers on a CPU (warp limits, accounting) expired. It is no longer armed.
  virtual Reaction timer_expired(CpuId cpu, Timer& timer, SystemTime now) = 0;

  virtual HypercallResult adjust(Vcpu& vcpu, const SchedulerParameters& parameters, SystemTime now) = 0;

  virtual Inspection inspect(const Vcpu& vcpu) const = 0;

  // All timers of a CPU: the policy's own and the generic layer's run timer. A policy moves its own when it is asked to
  // remove(), move(), decide(), adjust() or about an expired one: after those the core looks at them again.
  TimerQueue& timers(CpuId cpu) { return timers_[cpu]; }
  const TimerQueue& timers(CpuId cpu) const { return timers_[cpu]; }

 protected:
  ~Scheduler() = default;

 private:
  TimerQueue timers_[kMaxCpus];
};

}  // namespace hv
