// The CPU's local interrupt controller: its one-shot timer, interrupts between CPUs, and the end of interrupts.
#pragma once

#include "metal/layout.h"

namespace metal {

class LocalApic {
 public:
  // Maps and enables it, and measures its clock and the cycle counter against the PC's 8254. False: this CPU has none.
  bool start();

  u64 cycles_per_second() const { return cycles_per_second_; }
  void arm_timer(u64 deadline);  // of the cycle counter; hw::kTimerOff disarms
  void send_ipi(u32 target);
  void end_of_interrupt();

 private:
  u64 cycles_per_second_ = 0;
  u32 ticks_per_second_ = 0;  // of the timer, after its divider
};

}  // namespace metal
