// Where things are in every address space (32-bit, two-level tables).
#pragma once

#include "base/types.h"

namespace hv {

inline constexpr u32 kHypervisorStart = 0xfc000000;                  // the top 64 MB belong to the hypervisor
inline constexpr u32 kGuestDirectorySlots = kHypervisorStart >> 22;  // 1008: slots 0..1007 are the guest's
inline constexpr u32 kMachineToPhysStart = 0xfc000000;               // 4 MB, guests may read it
inline constexpr u32 kHypervisorPrivate = 0xfc400000;  // segments of a guest must end at or below this address
inline constexpr u32 kLinearTableStart = 0xff000000;   // the directory maps itself here (slot 1020)
inline constexpr u32 kPerDomainStart = 0xff400000;     // GDT and LDT of the domain (slot 1021)
inline constexpr u32 kLinearTableSlot = kLinearTableStart >> 22;
inline constexpr u32 kPerDomainSlot = kPerDomainStart >> 22;
// This slot and the last one are the machine's own: it may fill them in the master directory before a domain is built.
inline constexpr u32 kMachineSlot = kPerDomainSlot + 1;

// Page-table entry bits.
inline constexpr u32 kEntryPresent = 1u << 0, kEntryWritable = 1u << 1, kEntryUser = 1u << 2, kEntryAccessed = 1u << 5,
                     kEntryDirty = 1u << 6, kEntryLarge = 1u << 7, kEntryGlobal = 1u << 8;
inline constexpr u32 kEntryFrameMask = 0xfffff000;

}  // namespace hv
