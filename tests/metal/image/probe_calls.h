// What the test image answers to INT 0x83: EAX says what, EBX is the argument, the result goes to EAX.
#pragma once

#include "base/types.h"

namespace metal {

inline constexpr hv::u32 kProbeVectorOfTests = 0x83;
inline constexpr hv::u32 kProbeFrameTable = 0;  // digest of the frame table
inline constexpr hv::u32 kProbeContents = 1;    // of frame EBX

}  // namespace metal
