// Page-table words and what they say, for the ports whose tables the MMU or a monitor reads.
#pragma once

#include "interface/layout.h"
#include "workloads/kernel/address_space.h"

namespace guest {

inline constexpr u32 kTableEntry = hv::kEntryPresent | hv::kEntryWritable | hv::kEntryUser | hv::kEntryAccessed;
inline constexpr u32 kFirstKernelSlot = kKernelStart / kDirectorySlotBytes;

constexpr u32 slot_of(u32 address) { return address / kDirectorySlotBytes; }
constexpr u32 index_in_table(u32 address) { return address / hv::kPageSize % hv::kEntriesPerTable; }

// Of a user page. `frame`: what stands in the word, which is not the kernel's own number everywhere.
constexpr u32 entry_word(const PageEntry& entry, hv::MachineFrame frame) {
  if (!entry.present) return 0;
  return frame.address() | hv::kEntryPresent | hv::kEntryUser | (entry.writable ? hv::kEntryWritable : 0) |
         (entry.accessed ? hv::kEntryAccessed : 0) | (entry.dirty ? hv::kEntryDirty : 0);
}

constexpr PageEntry entry_of(u32 word, GuestFrame frame) {
  if ((word & hv::kEntryPresent) == 0) return {};
  return {frame, true, (word & hv::kEntryWritable) != 0, (word & hv::kEntryAccessed) != 0,
          (word & hv::kEntryDirty) != 0};
}

}  // namespace guest
