// The test image's way to look into the hypervisor.
#include "metal/probe.h"

#include "audit.h"
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
    case kProbeWord:
      registers.eax = core.memory().memory().window(hv::MachineFrame{registers.ebx}).load(registers.ecx & 1023);
      break;
    case kProbeAudit:
      registers.eax = hv::audit(core) == nullptr ? 1 : 0;
      break;
    default:
      registers.eax = 0;
  }
}

}  // namespace metal
