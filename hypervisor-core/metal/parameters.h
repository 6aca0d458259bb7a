// What the metal image gives the core, and what a run over the model must give it to be compared.
#pragma once

#include "base/types.h"

namespace metal {

inline constexpr hv::u32 kMemoryMegabytes = 24;     // unless the command line says memory=
inline constexpr hv::u32 kHypervisorFrames = 1024;  // the lowest 4 MB: the image and the core's tables
inline constexpr hv::u32 kMaxDomains = 8;
inline constexpr hv::u32 kDomain0Kilobytes = 3600;  // unless it says domain0=; its kernel map is one page table

}  // namespace metal
