#include "metal/local_apic.h"

#include "base/divide.h"
#include "hardware/cpu.h"
#include "metal/descriptors.h"
#include "metal/ports.h"

extern "C" hv::u32 machine_table[1024];

namespace metal {

namespace {

constexpr u32 kApicAddress = 0xfee00000;
constexpr u32 kTaskPriority = 0x80, kEndOfInterrupt = 0xb0, kSpurious = 0xf0, kCommandLow = 0x300, kCommandHigh = 0x310,
              kTimer = 0x320, kPerformance = 0x340, kLint0 = 0x350, kLint1 = 0x360, kError = 0x370,
              kInitialCount = 0x380, kCurrentCount = 0x390, kDivider = 0x3e0;
constexpr u32 kMasked = 1u << 16, kEnabled = 1u << 8, kExternal = 7u << 8, kDivideBy16 = 3;

// The 8254's counter 2, which nothing else uses, counts down from here.
constexpr u32 kPitHertz = 1'193'182, kMeasuredTicks = kPitHertz / 50;

volatile u32& apic_register(u32 offset) { return *at_linear<volatile u32>(machine_page_address(kApicPage) + offset); }

void wait_for_pit() {
  out8(0x61, static_cast<u8>((in8(0x61) & ~2u) | 1));  // gate on, speaker off
  out8(0x43, 0xb0);                                    // counter 2, both bytes, mode 0: output rises at the end
  out8(0x42, kMeasuredTicks & 0xff);
  out8(0x42, kMeasuredTicks >> 8);
  while ((in8(0x61) & 0x20) == 0) {
  }
}

bool has_apic() {
  u32 eax = 1, ebx, ecx, edx;
  asm volatile("cpuid" : "+a"(eax), "=b"(ebx), "=c"(ecx), "=d"(edx));
  return (edx >> 9 & 1) != 0;
}

}  // namespace

bool LocalApic::start() {
  if (!has_apic()) return false;
  constexpr u32 kUncached = 0x18;
  machine_table[kApicPage] = kApicAddress | kUncached | kEntryPresent | kEntryWritable | kEntryAccessed | kEntryDirty;
  invalidate(machine_page_address(kApicPage));
  apic_register(kSpurious) = kEnabled | kSpuriousVector;
  apic_register(kTaskPriority) = 0;
  apic_register(kLint0) = kExternal;  // the 8259s
  apic_register(kLint1) = kMasked;
  apic_register(kPerformance) = kMasked;
  apic_register(kError) = kMasked;
  apic_register(kTimer) = kMasked | kTimerVector;
  apic_register(kDivider) = kDivideBy16;

  apic_register(kInitialCount) = ~0u;
  const u64 cycles = read_tsc();
  wait_for_pit();
  const u64 cycles_taken = read_tsc() - cycles;
  const u32 ticks_taken = ~0u - apic_register(kCurrentCount);
  apic_register(kInitialCount) = 0;
  cycles_per_second_ = divide(cycles_taken * kPitHertz, kMeasuredTicks).quotient;
  ticks_per_second_ = low_word(divide(u64{ticks_taken} * kPitHertz, kMeasuredTicks).quotient);
  apic_register(kTimer) = kTimerVector;
  return ticks_per_second_ != 0;
}

// A deadline beyond the counter's range fires early: the core looks at the clock and arms it again.
void LocalApic::arm_timer(u64 deadline) {
  if (deadline == hw::kTimerOff) {
    apic_register(kInitialCount) = 0;
    return;
  }
  const u64 now = read_tsc();
  const u64 longest = cycles_per_second_;  // keeps the product below within 64 bits
  const u64 left = deadline <= now ? 0 : deadline - now;
  const u64 cycles = left < longest ? left : longest;
  const u64 ticks = divide(cycles * ticks_per_second_, cycles_per_second_).quotient;
  apic_register(kInitialCount) = low_word(ticks) + 1;
}

void LocalApic::send_ipi(u32 target) {
  apic_register(kCommandHigh) = target << 24;
  apic_register(kCommandLow) = kIpiVector;
}

void LocalApic::end_of_interrupt() { apic_register(kEndOfInterrupt) = 0; }

}  // namespace metal
