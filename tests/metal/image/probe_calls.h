// What the test image answers to INT 0x83: EAX says what, EBX and ECX are arguments, the result goes to EAX.
#pragma once

#include "base/types.h"

namespace metal {

inline constexpr hv::u32 kProbeVectorOfTests = 0x83;
inline constexpr hv::u32 kProbeFrameTable = 0;  // digest of the frame table
inline constexpr hv::u32 kProbeContents = 1;    // of frame EBX
inline constexpr hv::u32 kProbeWord = 2;        // ECX of frame EBX
inline constexpr hv::u32 kProbeAudit = 3;       // 1: the conservation laws hold
inline constexpr hv::u32 kProbeRecursion = 4;   // calls itself for ever

}  // namespace metal
