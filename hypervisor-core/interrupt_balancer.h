// Which CPU takes a device's interrupts, on several CPUs: an idle one if there is one, else each in turn.
//
// As Linux 2.4 does it (arch/i386/kernel/io_apic.c, balance_irq, recalled; that Xen 1.x took it over with that file is
// assumed): after an interrupt, at most once per tick of 10 ms and line, the next CPU that has been idle for more than
// a tick gets the line; when no CPU is idle the next one does, whatever it runs. In which direction is next a bit of
// the clock decides.
#pragma once

#include "base/types.h"
#include "hardware/machine.h"
#include "schedule/run_state.h"

namespace hv {

class InterruptBalancer {
 public:
  InterruptBalancer(hw::InterruptController& controller, const RunStates& run_states)
      : controller_{controller}, run_states_{run_states} {}

  void take(u32 line);  // a device's: to CPU 0 at first
  void booted(CpuId cpu) { booted_ |= 1u << cpu; }
  // A CPU has handled an interrupt of the line.
  void handled(u32 line, SystemTime now) {
    if (run_states_.cpu_count() > 1) balance(line, now);
  }

 private:
  static constexpr SystemTime kPeriod = 10'000'000;
  static constexpr u32 kMostLines = 2;  // the network card's and the disk's
  struct Line {
    u32 number;
    CpuId cpu;
    SystemTime looked;
  };
  void balance(u32 number, SystemTime now);
  bool can_take(CpuId cpu) const { return (booted_ >> cpu & 1) != 0; }
  bool idle_enough(CpuId cpu, SystemTime now) const;
  CpuId next_cpu(CpuId from, SystemTime now) const;

  hw::InterruptController& controller_;
  const RunStates& run_states_;
  Line lines_[kMostLines] = {};
  u32 line_count_ = 0;
  u32 booted_ = 0;  // CPUs that can take interrupts, as a mask
};

}  // namespace hv
