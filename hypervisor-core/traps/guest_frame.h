// The frame that a guest's handler finds on its ring-1 stack, as if the CPU itself had entered it.
#pragma once

#include "base/types.h"
#include "caller.h"
#include "hardware/registers.h"

namespace hv {

// From the handler's ESP upwards, written to the guest in one piece: as many of the extra words as are used, the last
// of them first, then what the CPU would push. ESP and SS only of an interrupted outer ring.
struct GuestFrame {
  static constexpr u32 kExtraWords = 4;
  u32 words[kExtraWords + 5];  // extra words, EIP, CS, EFLAGS, ESP, SS
  u32 first = kExtraWords;     // in use

  void push(u32 extra) { words[--first] = extra; }
};

// Enters `cs`:`eip` in ring 1 with the interrupted context on the stack: the frame above, of which the caller has
// pushed the extra words. The stack is the interrupted one in ring 1, else the vCPU's ring-1 stack; stack segments are
// taken to be flat. False, and nothing changed, if the stack cannot be used.
bool enter_guest(Caller& caller, hw::Registers& registers, u32 cs, u32 eip, GuestFrame& frame);

}  // namespace hv
