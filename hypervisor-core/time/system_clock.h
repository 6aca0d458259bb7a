// System time: nanoseconds since the hypervisor booted, from the cycle counter.
//
// Exact: at(c) is floor(c * 10^9 / frequency) for every c, so there is no rounded factor and no drift. The clock keeps
// the second that it was last asked about: within it a conversion is one multiplication and one division of the
// processor, where a division of 64-bit numbers is a loop or a call. Bounds: frequency below 2^32 Hz (kMaxFrequency),
// 292 years of uptime (SystemTime).
#pragma once

#include "base/divide.h"
#include "base/types.h"
#include "hardware/cpu.h"

namespace hv {

class SystemClock {
 public:
  static constexpr u64 kMaxFrequency = 0xffffffff;
  SystemClock(u64 cycles_per_second, u64 boot_cycles)
      : frequency_{static_cast<u32>(cycles_per_second)}, boot_{boot_cycles}, second_{boot_cycles, 0} {}

  // The CPU that is inside the core: its cycle counter is the one to read. Called first thing at every entry.
  void enter(hw::Cpu& cpu) { cpu_ = &cpu; }
  hw::Cpu& cpu() const { return *cpu_; }
  SystemTime now() const { return at(cpu_->cycle_counter()); }

  SystemTime at(u64 cycles) const {
    if (cycles - second_.cycles >= frequency_) {
      if (cycles <= boot_) return 0;  // a CPU whose counter started a little late
      second_ = second_at(divide(cycles - boot_, frequency_).quotient);
    }
    return second_.time + multiply_divide(low_word(cycles - second_.cycles), kNanoseconds, 0, frequency_);
  }
  // The first cycle at which at() has reached `time`; hw::kTimerOff for kNever.
  u64 cycles_at(SystemTime time) const {
    if (time == kNever) return hw::kTimerOff;
    if (time <= 0) return boot_;
    Second second = second_;
    u64 rest = static_cast<u64>(time - second.time);
    if (rest >= kNanoseconds) {
      const Division whole = divide(static_cast<u64>(time), kNanoseconds);
      second = second_at(whole.quotient);
      rest = whole.remainder;
    }
    return second.cycles + multiply_divide(low_word(rest), frequency_, kNanoseconds - 1, kNanoseconds);
  }
  u64 cycles_per_second() const { return frequency_; }

  static constexpr u64 kNanosecondsPerSecond = 1'000'000'000;

 private:
  static constexpr u32 kNanoseconds = kNanosecondsPerSecond;

  struct Second {  // a whole number of them after boot
    u64 cycles;
    SystemTime time;
  };
  Second second_at(u64 number) const {
    return {boot_ + number * frequency_, static_cast<SystemTime>(number * kNanosecondsPerSecond)};
  }

  u32 frequency_;
  u64 boot_;
  mutable Second second_;  // what was last asked about: remembered, and no part of what the clock says
  hw::Cpu* cpu_ = nullptr;
};

}  // namespace hv
