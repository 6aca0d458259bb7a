// Where an unmodified i386 kernel is in memory, on bare hardware and wherever it believes to be there.
#pragma once

#include "interface/layout.h"
#include "workloads/kernel/path.h"
#include "workloads/ports/port.h"

namespace guest {

// Pages below the kernel's free memory: real-mode memory, the kernel image and its boot-time tables.
inline constexpr u32 kKernelImageFrames = 0x400000 / hv::kPageSize;
inline constexpr GuestFrame kMasterDirectory{kKernelImageFrames - 1};  // that it boots on

// What the direct map of i386 Linux covers; page tables and stacks must be in it. A directory word maps 4 MB of it.
inline constexpr u32 kLowMemoryBytes = 896u << 20;
inline constexpr u32 kKernelPages =
    hv::kEntryPresent | hv::kEntryWritable | hv::kEntryLarge | hv::kEntryGlobal | hv::kEntryAccessed | hv::kEntryDirty;

inline constexpr u32 kKernelText = kKernelStart + 0x100000;  // linked to 1 MB
inline constexpr KernelImage kStockImage{.text = kKernelText, .data = kKernelText + kKernelTextPages * hv::kPageSize};

}  // namespace guest
