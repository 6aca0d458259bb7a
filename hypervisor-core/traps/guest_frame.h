// The frame that a guest's handler finds on its ring-1 stack, as if the CPU itself had entered it.
#pragma once

#include "base/types.h"
#include "caller.h"
#include "hardware/registers.h"
#include "vcpu.h"

namespace hv {

// From the handler's ESP upwards, written to the guest in one piece: as many of the extra words as are used, the last
// of them first, then what the CPU would push. ESP and SS only of an interrupted outer ring.
struct GuestFrame {
  static constexpr u32 kExtraWords = 4;
  u32 words[kExtraWords + 5];  // extra words, EIP, CS, EFLAGS, ESP, SS
  u32 first = kExtraWords;     // in use

  void push(u32 extra) { words[--first] = extra; }
};

// A handler starts without single step, nested task, resume and virtual-8086 mode.
inline constexpr u32 kEflagsKept = 0xfffcbeff;

// Enters `cs`:`eip` in ring 1 with the interrupted context on the stack: the frame above, of which the caller has
// pushed the extra words. The stack is the interrupted one in ring 1, else the vCPU's ring-1 stack; stack segments are
// taken to be flat. False, and nothing changed, if the stack cannot be used. In line: every fault and every event is
// bounced here.
[[gnu::always_inline]] inline bool enter_guest(Caller& caller, hw::Registers& registers, u32 cs, u32 eip,
                                               GuestFrame& frame) {
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
