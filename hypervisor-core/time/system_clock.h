// System time: nanoseconds since the hypervisor booted, from the cycle counter.
//
// Exact: at(c) is floor(c * 10^9 / frequency) for every c, computed as whole seconds and a remainder in 64-bit
// integers, so there is no rounded factor and no drift. Bounds: frequency below 18.4 GHz (so that the remainder times
// 10^9 fits 64 bits), 292 years of uptime (SystemTime). Remainders are written as differences: quotient and remainder
// of the same operands would become a call of a libgcc helper that kernels do not have.
#pragma once

#include "base/types.h"
#include "hardware/cpu.h"

namespace hv {

class SystemClock {
 public:
  SystemClock(u64 cycles_per_second, u64 boot_cycles) : frequency_{cycles_per_second}, boot_{boot_cycles} {}

  // The CPU that is inside the core: its cycle counter is the one to read. Called first thing at every entry.
  void enter(hw::Cpu& cpu) { cpu_ = &cpu; }
  hw::Cpu& cpu() const { return *cpu_; }
  SystemTime now() const { return at(cpu_->cycle_counter()); }

  SystemTime at(u64 cycles) const {
    if (cycles <= boot_) return 0;  // a CPU whose counter started a little late
    const u64 since_boot = cycles - boot_;
    const u64 seconds = since_boot / frequency_;
    const u64 rest = since_boot - seconds * frequency_;
    return static_cast<SystemTime>(seconds * kNanosecondsPerSecond + rest * kNanosecondsPerSecond / frequency_);
  }
  // The first cycle at which at() has reached `time`; hw::kTimerOff for kNever.
  u64 cycles_at(SystemTime time) const {
    if (time == kNever) return hw::kTimerOff;
    if (time <= 0) return boot_;
    const u64 seconds = static_cast<u64>(time) / kNanosecondsPerSecond;
    const u64 rest = static_cast<u64>(time) - seconds * kNanosecondsPerSecond;
    const u64 part = (rest * frequency_ + kNanosecondsPerSecond - 1) / kNanosecondsPerSecond;
    return boot_ + seconds * frequency_ + part;
  }
  u64 cycles_per_second() const { return frequency_; }

  static constexpr u64 kNanosecondsPerSecond = 1'000'000'000;

 private:
  u64 frequency_;
  u64 boot_;
  hw::Cpu* cpu_ = nullptr;
};

}  // namespace hv
