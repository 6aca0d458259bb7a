// System time: nanoseconds since the hypervisor booted, from the cycle counter.
//
// Exact: at(c) is floor(c * 10^9 / frequency) for every c, computed as whole seconds and a remainder in 64-bit
// integers, so there is no rounded factor and no drift. Bounds: frequency below 18.4 GHz (so that the remainder times
// 10^9 fits 64 bits), 292 years of uptime (SystemTime).
#pragma once

#include "base/types.h"
#include "hardware/cpu.h"

namespace hv {

struct Division {
  u64 quotient;
  u64 remainder;
};

// 64-bit division. The empty statement keeps the compiler from fetching the remainder by a helper of libgcc that a
// kernel does not have.
inline Division divide(u64 dividend, u64 divisor) {
  u64 quotient = dividend / divisor;
  asm("" : "+r"(quotient));
  return {quotient, dividend - quotient * divisor};
}

class SystemClock {
 public:
  SystemClock(u64 cycles_per_second, u64 boot_cycles) : frequency_{cycles_per_second}, boot_{boot_cycles} {}

  // The CPU that is inside the core: its cycle counter is the one to read. Called first thing at every entry.
  void enter(hw::Cpu& cpu) { cpu_ = &cpu; }
  hw::Cpu& cpu() const { return *cpu_; }
  SystemTime now() const { return at(cpu_->cycle_counter()); }

  SystemTime at(u64 cycles) const {
    if (cycles <= boot_) return 0;  // a CPU whose counter started a little late
    const auto [seconds, rest] = divide(cycles - boot_, frequency_);
    return static_cast<SystemTime>(seconds * kNanosecondsPerSecond + rest * kNanosecondsPerSecond / frequency_);
  }
  // The first cycle at which at() has reached `time`; hw::kTimerOff for kNever.
  u64 cycles_at(SystemTime time) const {
    if (time == kNever) return hw::kTimerOff;
    if (time <= 0) return boot_;
    const auto [seconds, rest] = divide(static_cast<u64>(time), kNanosecondsPerSecond);
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
