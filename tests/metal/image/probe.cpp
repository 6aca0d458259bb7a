// The test image's way to look into the hypervisor.
#include "metal/probe.h"

#include "audit.h"
#include "metal/image/probe_calls.h"
#include "metal/sequence/state_digest.h"

namespace metal {

static_assert(kProbeVectorOfTests == kProbeVector);

namespace {

// What an error of the hypervisor would do to its stack.
[[gnu::noinline]] hv::u32 recurse(hv::u32 depth) {
  volatile hv::u32 room[32];
  room[depth % 32] = depth;
  return depth == ~0u ? 0 : recurse(depth + 1) + room[depth % 32];
}

}  // namespace

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
    case kProbeRecursion:
      registers.eax = recurse(0);
      break;
    default:
      registers.eax = 0;
  }
}

}  // namespace metal
