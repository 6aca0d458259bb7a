// What guests see of time: the shared time record, the ticker, and one real and one virtual alarm per vCPU.
//
// The ticker and a vCPU's virtual time belong to whoever runs; alarms go off whether their vCPU runs or not, and wake
// it. An idle CPU has no ticker, so it sleeps until something is due.
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "base/types.h"
#include "caller.h"
#include "events/event_channels.h"
#include "hardware/memory.h"
#include "schedule/run_state.h"
#include "time/alarm_queue.h"
#include "time/system_clock.h"
#include "vcpu.h"

namespace hv {

class TimeKeeper {
 public:
  struct Settings {
    SystemTime tick = 0;  // period of the ticker; 0: none
    SystemTime slop = 0;  // a timer within this of now is due
    u64 wall_clock_seconds = 0;
  };
  TimeKeeper(hw::Memory& memory, Arena& arena, RunStates& run_states, EventChannels& events, SystemClock& clock,
             const Settings& settings, u32 cpus, u32 max_vcpus);

  // Hypercalls. `time` is absolute: system time, or the vCPU's virtual time. 0 cancels; a time already past goes off at
  // once.
  HypercallResult set_alarm(Caller& caller, SystemTime time);
  HypercallResult set_virtual_alarm(Caller& caller, SystemTime time);
  // The wall clock read `seconds`, `microseconds` at `system_time`. invalid: a million microseconds or more, or a
  // system time that is not past.
  HypercallResult set_wall_clock(u32 seconds, u32 microseconds, SystemTime system_time);

  // `vcpu` was just loaded into the CPU inside the core: its record is refreshed and, unless it is the idle one, it
  // gets a timer event, for it may have missed ticks.
  void switched_in(Vcpu& vcpu);
  // Writes the vCPU's time record, by the version protocol of interface/shared_info.h. Returns the time it was.
  SystemTime refresh(Vcpu& vcpu);
  // A vCPU that goes away has no alarms.
  void forget(Vcpu& vcpu);

  // Runs what is due on the CPU inside the core, where `current` runs.
  void run_timers(Vcpu& current, SystemTime now);
  SystemTime next_timer(CpuId cpu, const Vcpu& current) const {
    const PerCpu& here = cpus_[cpu];
    return earlier(earlier(here.alarms.earliest(), here.next_tick), virtual_expiry(current));
  }

 private:
  struct PerCpu {
    AlarmQueue alarms;
    SystemTime next_tick = kNever;
  };
  bool due(SystemTime time, SystemTime now) const { return time != kNever && time - settings_.slop <= now; }
  SystemTime tick_after(SystemTime now);  // ticks are on a grid from boot
  // When the running vCPU's virtual alarm goes off if it keeps running.
  static SystemTime virtual_expiry(const Vcpu& current) {
    if (current.alarm_virtual == kNever) return kNever;
    const SystemTime left = current.alarm_virtual - current.cpu_time;
    return left > kNever - 1 - current.run_since ? kNever - 1 : current.run_since + left;
  }

  hw::Memory& memory_;
  RunStates& run_states_;
  EventChannels& events_;
  SystemClock& clock_;
  Settings settings_;
  SystemTime wall_offset_;      // wall clock in ns since 1970 minus system time
  SystemTime wall_second_ = 0;  // start of the second of the wall clock that was written last, in ns since 1970,
  u32 wall_seconds_ = 0;        // and its number
  SystemTime last_tick_ = 0;    // on the grid, not after the present: the next is looked for from there
  PerCpu cpus_[kMaxCpus];
};

}  // namespace hv
