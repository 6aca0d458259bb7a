// A domain's virtual CPUs beyond the first, which domain 0 starts. (Operations and numbers of Xen 3.0's vcpu_op.)
//
// A domain is created with all of its vCPUs; those above 0 do not run until one of the domain's own gives them a
// context and then the word. Callbacks, the fast trap, descriptor tables and timers are each vCPU's own affair, set by
// itself.
#pragma once

#include "base/types.h"

namespace hv {

enum class VcpuOp : u32 {
  initialise = 0,  // (vCPU, VcpuContext*): once
  up = 1,          // (vCPU): runs from now on; nothing if it does
  down = 2,        // (vCPU): not any more, until up; of itself, when the call ends
  is_up = 3,       // (vCPU): 1 or 0
};

// Where a vCPU begins: in ring 1 with flat segments, events deferred until it has set its callbacks.
struct VcpuContext {
  u32 entry_eip;
  u32 entry_esp;        // its ring-1 stack, too
  u32 directory_frame;  // a page directory of the domain's
  u32 argument;         // in ESI
};
static_assert(sizeof(VcpuContext) == 16);

}  // namespace hv
