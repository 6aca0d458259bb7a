// The register frame that an entry into the hypervisor saves and a return from it restores.
//
// The layout is what the entry path of a PC pushes, so the same structure serves the timed model and metal. The core
// is given this frame on entry and edits it: a hypercall's result goes to EAX, a fault is bounced by replacing CS:EIP
// and SS:ESP, a switch of vCPU replaces the whole of it. The privilege ring is the RPL of CS.
#pragma once

#include "base/types.h"

namespace hw {

using namespace hv;  // NOLINT: the interface speaks the core's words

struct Registers {
  u32 ebx = 0, ecx = 0, edx = 0, esi = 0, edi = 0, ebp = 0, eax = 0;
  u32 ds = 0, es = 0, fs = 0, gs = 0;
  u32 vector = 0;      // exception or interrupt vector of this entry
  u32 error_code = 0;  // of the exception; 0 where it has none
  u32 eip = 0, cs = 0, eflags = 0, esp = 0, ss = 0;

  u32 ring() const { return cs & 3; }
};
static_assert(sizeof(Registers) == 18 * 4, "the entry path pushes exactly these words");

inline constexpr u32 kInterruptFlag = 1u << 9;

// Flat selectors of the reserved GDT block (entries 256..295).
inline constexpr u32 kHypervisorCs = 0x0808, kHypervisorDs = 0x0810;
inline constexpr u32 kRing1Cs = 0x0819, kRing1Ds = 0x0821;
inline constexpr u32 kRing3Cs = 0x082b, kRing3Ds = 0x0833;

// EIP of a CPU with nothing to run: ring 0 (cs = kHypervisorCs) waiting there for an interrupt.
inline constexpr u32 kIdleLoop = 0xfc500000;

// Exception vectors the core treats by name.
inline constexpr u32 kVectorDebug = 1, kVectorInvalidOpcode = 6, kVectorNoFpu = 7, kVectorGeneralProtection = 13,
                     kVectorPageFault = 14;
inline constexpr u32 kVectorHypercall = 0x82;

// Page-fault error code.
inline constexpr u32 kFaultPresent = 1, kFaultWrite = 2, kFaultUser = 4;

}  // namespace hw
