// A door for tests: what an image links in under this name is called for INT 0x83 of ring 1. Without it there is none.
#pragma once

#include "hardware/registers.h"
#include "hypervisor.h"

namespace metal {

inline constexpr hv::u32 kProbeVector = 0x83;
[[gnu::weak]] extern void probe(hv::Hypervisor& core, hw::Registers& registers);

}  // namespace metal
