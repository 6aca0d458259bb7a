// The generic layer of CPU scheduling: which vCPU runs where, who waits, who is held back, and the run timers.
//
// It stands between the core, which reports what happened (an event woke a vCPU, the guest blocked, a timer is due),
// and a Scheduler, which only decides. It knows no hardware: it records which CPUs must run choose() and which must
// look at their timers again, and the core raises the interrupts.
//
// Order of use on a CPU, on every way out of the core: nothing if no CPU needs attention(). Else, while it takes its
// own attention: run_timers() if due; if reschedule_requested(): choose() and switch. Then arm the hardware for
// next_timer(). Kicked CPUs (take_kicks()) are sent an IPI and do the same.
#pragma once

#include "base/error.h"
#include "base/types.h"
#include "observer.h"
#include "schedule/scheduler.h"
#include "vcpu.h"

namespace hv {

// A timer that ran: its name, and whose it was (null: the CPU's run timer).
struct ExpiredTimer {
  const char* name = nullptr;  // null: none was due
  const Vcpu* vcpu = nullptr;
};

class RunStates {
 public:
  // A timer is run once now >= expiry - timer_slop: 50 us early in Xen 1.0-2.0, 0 for exact timers.
  RunStates(Scheduler& scheduler, u32 cpu_count, SystemTime timer_slop);
  RunStates(const RunStates&) = delete;
  RunStates& operator=(const RunStates&) = delete;

  void observe(Observer* observer) { observer_ = observer; }

  // A new vCPU comes with pause count 1: unpause() starts it. It may run on `cpus`, a mask, of which at least one
  // exists; it is placed on them in turn.
  void add(Vcpu& vcpu, u32 cpus = kAllCpus);
  // The vCPU must not be running: pause() it and let its CPU choose() first.
  void remove(Vcpu& vcpu, SystemTime now);

  // An event for the vCPU. Does nothing unless it is blocked.
  void wake(Vcpu& vcpu, SystemTime now);
  // The running vCPU waits for an event; an event before its CPU chooses again keeps it running.
  void block(Vcpu& vcpu, SystemTime now);
  // The running vCPU lets others run.
  void yield(Vcpu& vcpu, SystemTime now);
  // Counted. A vCPU running on another CPU goes on until that CPU, which is kicked, chooses: see running().
  void pause(Vcpu& vcpu, SystemTime now);
  void unpause(Vcpu& vcpu, SystemTime now);
  // From now on the vCPU may run on `cpus`, of which at least one exists. One that is elsewhere is moved; if it runs,
  // when its CPU, which is kicked, chooses.
  void pin(Vcpu& vcpu, u32 cpus, SystemTime now);

  // CPUs, as a mask, that must look at their timers, reschedule or interrupt others before they go back to their
  // guests.
  u32 attention() const { return attention_; }
  bool take_attention(CpuId cpu) {
    const u32 bit = 1u << cpu, before = attention_;
    attention_ &= ~bit;
    return (before & bit) != 0;
  }
  // Asks for the attention of a CPU soon: another one is interrupted for it.
  void kick(CpuId cpu) {
    attention_ |= 1u << cpu;
    kicks_ |= 1u << cpu;
  }
  // Whoever moves a timer of a CPU, here or elsewhere in the core, says so: its first may be another one.
  void timer_moved(CpuId cpu) {
    attention_ |= 1u << cpu;
    timers_moved_ |= 1u << cpu;
  }
  bool take_timers_moved(CpuId cpu) {
    const u32 bit = 1u << cpu, before = timers_moved_;
    timers_moved_ &= ~bit;
    return (before & bit) != 0;
  }

  void request_reschedule(CpuId cpu) {
    cpus_[cpu].reschedule = true;
    kick(cpu);
  }
  bool reschedule_requested(CpuId cpu) const { return cpus_[cpu].reschedule; }
  // Accounts for what ran, asks the scheduler, sets the run timer. The CPU must switch to the vCPU returned, which may
  // be the one that ran.
  Vcpu& choose(CpuId cpu, SystemTime now);

  // CPUs that were kicked since the last call, as a mask. Bits of the CPU that asks may be ignored by it.
  u32 take_kicks() {
    const u32 kicks = kicks_;
    kicks_ = 0;
    return kicks;
  }

  // Sets the scheduler's parameters of a vCPU: see Scheduler::adjust().
  HypercallResult adjust(Vcpu& vcpu, const SchedulerParameters& parameters, SystemTime now) {
    timer_moved(vcpu.cpu);
    kick(vcpu.cpu);
    return scheduler_.adjust(vcpu, parameters, now);
  }

  SystemTime next_timer(CpuId cpu) const { return scheduler_.timers(cpu).next_expiry(); }
  // When the CPU chooses next if nothing happens before.
  SystemTime run_until(CpuId cpu) const { return cpus_[cpu].run_timer.expiry; }
  // Runs all timers that are due; returns how many.
  u32 run_timers(CpuId cpu, SystemTime now);
  // Runs the first timer if it is due.
  ExpiredTimer run_one_timer(CpuId cpu, SystemTime now);

  Vcpu& current(CpuId cpu) { return *current_[cpu]; }
  const Vcpu& current(CpuId cpu) const { return *current_[cpu]; }
  Vcpu& idle(CpuId cpu) { return cpus_[cpu].idle; }
  bool running(const Vcpu& vcpu) const { return current_[vcpu.cpu] == &vcpu; }

  // What the vCPU (or a CPU's idle vCPU) has run, the present run included.
  SystemTime cpu_time(const Vcpu& vcpu, SystemTime now) const;

  u32 cpu_count() const { return cpu_count_; }
  bool exist(u32 cpus) const { return (cpus & all_cpus()) != 0; }  // at least one of the mask
  u32 scanned(CpuId cpu) const { return cpus_[cpu].scanned; }      // queue elements looked at by the last choose()

  Scheduler& scheduler() { return scheduler_; }

 private:
  struct Cpu {
    Vcpu idle;
    Timer run_timer;
    bool reschedule = false;
    CpuId leaving_to = kNoCpu;  // where the running vCPU moves once it is off this CPU; kNoCpu: it stays
    u32 scanned = 0;
  };

  static constexpr CpuId kNoCpu = ~CpuId{0};

  u32 all_cpus() const { return kAllCpus >> (32 - cpu_count_); }
  CpuId place(const Vcpu& vcpu);
  void enter(Vcpu& vcpu, RunState state, SystemTime now);
  void start_waiting(Vcpu& vcpu, SystemTime now);
  void stop_waiting(Vcpu& vcpu, SystemTime now);
  void react(const Reaction& reaction);
  static RunState waiting_state(const Vcpu& vcpu);

  Scheduler& scheduler_;
  Observer* observer_ = nullptr;
  u32 cpu_count_;
  SystemTime timer_slop_;
  CpuId next_placement_ = 0;
  u32 attention_ = 0;
  u32 kicks_ = 0;                 // of those, the ones to be interrupted,
  u32 timers_moved_ = 0;          // and the ones whose first timer may be another one
  Vcpu* current_[kMaxCpus] = {};  // by itself: every entry into the core looks here
  Cpu cpus_[kMaxCpus];
};

}  // namespace hv
