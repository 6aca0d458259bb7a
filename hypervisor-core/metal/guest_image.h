// Domain 0's kernel as the metal image carries it: a flat binary, and where it goes in domain 0's memory.
#pragma once

#include "base/types.h"
#include "interface/start_info.h"

namespace metal {

inline constexpr hv::u32 kGuestLinePage = 15;   // the command line, ended by 0
inline constexpr hv::u32 kGuestImagePage = 16;  // the kernel; entered at its first byte
constexpr hv::u32 guest_page_address(hv::u32 page) { return hv::kGuestKernelStart + (page << hv::kPageShift); }

}  // namespace metal
