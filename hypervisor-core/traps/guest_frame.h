// The frame that a guest's handler finds on its ring-1 stack, as if the CPU itself had entered it.
#pragma once

#include "base/types.h"
#include "caller.h"
#include "hardware/registers.h"

namespace hv {

// Words below the saved EIP, in the order they are pushed: the last is at the handler's ESP.
struct ExtraWords {
  u32 words[4] = {};
  u32 count = 0;
};

// Enters `cs`:`eip` in ring 1 with the interrupted context on the stack, high to low: [SS, ESP if interrupted in an
// outer ring,] EFLAGS, CS, EIP, then `extra`. The stack is the interrupted one in ring 1, else the vCPU's ring-1 stack;
// stack segments are taken to be flat. False, and nothing changed, if the stack cannot be used.
bool enter_guest(Caller& caller, hw::Registers& registers, u32 cs, u32 eip, const ExtraWords& extra);

}  // namespace hv
