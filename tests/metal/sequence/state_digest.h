// What the hypervisor's state is compared by. The same code runs inside the hypervisor on the PC and over the model.
#pragma once

#include "hypervisor.h"
#include "metal/sequence/digest.h"

namespace sequence {

// Owner, type, flags, counts and place in the lists of every frame. Not the flush stamps, which count flushes.
u32 frame_table_digest(Hypervisor& core);
// The words of a frame, without the machine's slot of a directory, present or past. Of a directory not the hypervisor's
// slots (their frames are the machine's affair), of a descriptor table not the reserved entries (one has the machine's
// TSS).
u32 contents_digest(Hypervisor& core, u32 frame);

}  // namespace sequence
