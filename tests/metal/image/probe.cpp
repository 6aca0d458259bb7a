// The test image's way to look into the hypervisor.
#include "metal/probe.h"

#include "metal/image/probe_calls.h"
#include "metal/sequence/state_digest.h"

namespace metal {

static_assert(kProbeVectorOfTests == kProbeVector);

void probe(hv::Hypervisor& core, hw::Registers& registers) {
  switch (registers.eax) {
    case kProbeFrameTable:
      registers.eax = sequence::frame_table_digest(core);
      break;
    case kProbeContents:
      registers.eax = sequence::contents_digest(core, registers.ebx);
      break;
    default:
      registers.eax = 0;
  }
}

}  // namespace metal
