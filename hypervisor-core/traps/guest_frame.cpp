#include "traps/guest_frame.h"

#include "vcpu.h"

namespace hv {

namespace {

// A handler starts without single step, nested task, resume and virtual-8086 mode.
constexpr u32 kEflagsKept = 0xfffcbeff;

}  // namespace

bool enter_guest(Caller& caller, hw::Registers& registers, u32 cs, u32 eip, GuestFrame& frame) {
  const bool from_outer_ring = registers.ring() > 1;
  const u32 ss = from_outer_ring ? caller.vcpu.ring1_ss : registers.ss;
  const u32 esp = from_outer_ring ? caller.vcpu.ring1_esp : registers.esp;
  if ((ss & 3) != 1) return false;  // the CPU would refuse to load it

  u32* saved = frame.words + GuestFrame::kExtraWords;
  saved[0] = registers.eip;
  saved[1] = registers.cs;
  saved[2] = registers.eflags;
  saved[3] = registers.esp;
  saved[4] = registers.ss;
  const u32 bytes = (GuestFrame::kExtraWords + (from_outer_ring ? 5 : 3) - frame.first) * 4;
  if (esp < bytes || !caller.cpu.copy_to_guest(esp - bytes, frame.words + frame.first, bytes)) return false;

  registers.ss = ss;
  registers.esp = esp - bytes;
  registers.cs = cs;
  registers.eip = eip;
  registers.eflags &= kEflagsKept;
  return true;
}

}  // namespace hv
