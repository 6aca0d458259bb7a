#include "traps/guest_frame.h"

#include "vcpu.h"

namespace hv {

namespace {

// A handler starts without single step, nested task, resume and virtual-8086 mode.
constexpr u32 kEflagsKept = 0xfffcbeff;

}  // namespace

bool enter_guest(Caller& caller, hw::Registers& registers, u32 cs, u32 eip, const ExtraWords& extra) {
  const bool from_outer_ring = registers.ring() > 1;
  const u32 ss = from_outer_ring ? caller.vcpu.ring1_ss : registers.ss;
  const u32 esp = from_outer_ring ? caller.vcpu.ring1_esp : registers.esp;
  if ((ss & 3) != 1) return false;  // the CPU would refuse to load it

  u32 frame[9];
  u32 words = 0;
  for (u32 i = extra.count; i != 0; --i) frame[words++] = extra.words[i - 1];
  frame[words++] = registers.eip;
  frame[words++] = registers.cs;
  frame[words++] = registers.eflags;
  if (from_outer_ring) {
    frame[words++] = registers.esp;
    frame[words++] = registers.ss;
  }
  const u32 bytes = words * 4;
  if (esp < bytes || !caller.cpu.copy_to_guest(esp - bytes, frame, bytes)) return false;

  registers.ss = ss;
  registers.esp = esp - bytes;
  registers.cs = cs;
  registers.eip = eip;
  registers.eflags &= kEflagsKept;
  return true;
}

}  // namespace hv
