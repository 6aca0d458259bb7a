// What a CPU scheduler is: a policy that is told what happened and answers who runs until when.
//
// A policy never switches anything and never reads a clock: every call carries the time. The generic layer
// (schedule/run_state.h) keeps the vCPUs' states, one run timer per CPU, and acts on the answers. A new policy is one
// file implementing this class, one line in schedule/schedulers.inc, one test and one page:
// docs/adding-a-scheduler.md.
// The rest of the core talks to the generic layer only.
#pragma once

#include "base/error.h"
#include "base/types.h"
#include "interface/control.h"
#include "schedule/timer_queue.h"
#include "vcpu.h"

namespace hv {

// Who runs next, and the time at which the policy wants to be asked again. `until` is absolute.
struct Decision {
  Vcpu* vcpu;
  SystemTime until;
  u32 scanned = 0;     // queue elements looked at: the cost of the decision grows with it
  u32 reschedule = 0;  // other CPUs, as a mask, that are to decide too: somebody was put back who may run there
};

// What a policy wants after it was told something.
struct Reaction {
  u32 reschedule = 0;             // CPUs, as a mask, that are to decide() now; no others:
  SystemTime decide_by = kNever;  // bring the run timer of `cpu` forward to this time, if it is later
  CpuId cpu = 0;
};
constexpr u32 cpu_bit(CpuId cpu) { return 1u << cpu; }

// What a policy may be told when it is made; each takes its own. 0: the policy's default.
struct SchedulerSettings {
  SystemTime context_switch_allowance = 0;  // BVT: 5 ms
  SystemTime slice = 0;                     // round robin 10 ms, Credit 30 ms, Credit2 its longest run 10 ms
  SystemTime rate_limit = -1;               // Credit as exact, Credit2: shortest run before a preemption. -1: default
};

// What a trace of decisions shows of a vCPU: up to four numbers, which ones is the policy's affair.
struct Inspection {
  u32 count = 0;
  s64 values[4] = {};
};

class Scheduler {
 public:
  // A vCPU exists from add() to remove(). It is not runnable at add() and at remove(). vcpu.cpu says where it is
  // placed; a policy that balances load changes it, within vcpu.affinity, while the vCPU does not run. The idle vCPU of
  // each CPU is added first, in the order of the CPUs; it is always runnable and never woken, moved or removed.
  virtual void add(Vcpu& vcpu) = 0;
  virtual Reaction remove(Vcpu& vcpu) = 0;
  // Places a vCPU that is not runnable on another CPU, and sets vcpu.cpu.
  virtual Reaction move(Vcpu& vcpu, CpuId to) = 0;
  // The CPUs that the vCPU may run on are others; those where it is placed or runs are among them.
  virtual Reaction affinity_changed(Vcpu&) { return {}; }

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
  // Whether the policy knows that the vCPU, which is runnable, waits: in a queue, or because its cap is used up.
  virtual bool waits(const Vcpu& vcpu) const { return vcpu.linked(); }

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
