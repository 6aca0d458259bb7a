// Page-table words and what they say, for the ports whose tables the MMU or a monitor reads.
#pragma once

#include "interface/layout.h"
#include "workloads/kernel/address_space.h"

namespace guest {

inline constexpr u32 kTableEntry = hv::kEntryPresent | hv::kEntryWritable | hv::kEntryUser | hv::kEntryAccessed;
inline constexpr u32 kFirstKernelSlot = kKernelStart / kDirectorySlotBytes;

constexpr u32 slot_of(u32 address) { return address / kDirectorySlotBytes; }
constexpr u32 index_in_table(u32 address) { return address / hv::kPageSize % hv::kEntriesPerTable; }

// Where a table's entry is in the kernel's map of memory.
constexpr u32 entry_address(GuestFrame table, u32 index) {
  return table.kernel_address() + index * static_cast<u32>(sizeof(u32));
}

// Freed tables are kept for the next process, up to a point; then they are reduced to fewer (Linux's check_pgt_cache).
inline constexpr std::size_t kMostKeptTables = 50, kTablesKept = 25;

// Of a user page. `frame`: what stands in the word, which is not the kernel's own number everywhere. A page in swap has
// its slot there, with all flags clear.
constexpr u32 entry_word(const PageEntry& entry, hv::MachineFrame frame) {
  if (!entry.present) return entry.swap_slot << hv::kPageShift;
  return frame.address() | hv::kEntryPresent | hv::kEntryUser | (entry.writable ? hv::kEntryWritable : 0) |
         (entry.accessed ? hv::kEntryAccessed : 0) | (entry.dirty ? hv::kEntryDirty : 0);
}

constexpr PageEntry entry_of(u32 word, GuestFrame frame) {
  if ((word & hv::kEntryPresent) == 0) return {.swap_slot = word >> hv::kPageShift};
  return {frame, true, (word & hv::kEntryWritable) != 0, (word & hv::kEntryAccessed) != 0,
          (word & hv::kEntryDirty) != 0};
}

}  // namespace guest
