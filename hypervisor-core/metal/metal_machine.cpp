#include "metal/metal_machine.h"

#include "control/console.h"
#include "metal/ports.h"

namespace metal {

namespace {

u32 read_clock(u8 number) {  // of the battery clock, which counts in binary-coded decimal
  out8(0x70, number);
  const u32 value = in8(0x71);
  return (value >> 4) * 10 + (value & 15);
}

}  // namespace

void MetalMachine::start(u32 stack_top) {
  tables_.start(stack_top);
  controllers_.start();
  if (!apic_.start()) stop("this CPU has no local interrupt controller");
  has_card_ = card_.start();
  has_disk_ = disk_.start();
}

u64 MetalMachine::wall_clock_seconds() {
  constexpr u32 kBefore[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
  const u32 year = 2000 + read_clock(9), month = read_clock(8) - 1, day = read_clock(7) - 1;
  const bool leap_passed = year % 4 == 0 && month >= 2;
  const u32 days = (year - 1970) * 365 + (year - 1969) / 4 + kBefore[month % 12] + day + (leap_passed ? 1 : 0);
  return u64{days} * 86'400 + read_clock(4) * 3'600 + read_clock(2) * 60 + read_clock(0);
}

void MetalMachine::stop(const char* reason) {
  ConsoleLine(console_).text("machine stopped: ").text(reason).end();
  power_off();
}

void power_off() {
  out8s(0x8900, "Shutdown", 8);  // Bochs
  out8(0xf4, 0);                 // QEMU's isa-debug-exit
  for (;;) asm volatile("cli; hlt");
}

}  // namespace metal
