// The memory of a process as the kernel describes it: areas of virtual memory, and page-table entries in the kernel's
// own terms. How entries get into the tables that the MMU walks is the port's business (workloads/ports/port.h).
#pragma once

#include <map>
#include <memory>

#include "workloads/kernel/memory.h"

namespace guest {

class Inode;

struct Protection {
  bool read = true, write = false, execute = false;
  friend constexpr bool operator==(Protection, Protection) = default;
};

// A range of user addresses with one protection and one thing behind it (Linux: vm_area_struct).
struct Area {
  u32 start = 0, end = 0;  // page-aligned, end excluded
  Protection protection;
  bool shared = false;          // stores are seen by all who map the file; else they go to a private copy
  std::shared_ptr<Inode> file;  // null: anonymous, reads as zeros
  u32 file_page = 0;            // page of the file at `start`
  bool grows_down = false;      // a stack

  bool contains(u32 address) const { return address - start < end - start; }
};

// What a page-table entry says, in frames of this kernel. A kernel looks at entries and builds them; the hardware sets
// accessed and dirty.
struct PageEntry {
  GuestFrame frame{0};
  bool present = false;
  bool writable = false;
  bool accessed = false;
  bool dirty = false;
  u32 swap_slot = 0;  // if it is not present: where its page is instead; 0: nowhere

  bool empty() const { return !present && swap_slot == 0; }
};

struct AddressSpace {
  GuestFrame directory{0};           // its page directory
  std::map<u32, GuestFrame> tables;  // user page tables by directory slot
  std::map<u32, Area> areas;         // by start; they do not overlap
  u32 present_pages = 0, swapped_pages = 0;
  u32 swap_address = 0;                // where the next look for pages to take away begins
  u32 break_start = 0, break_end = 0;  // of the heap, see brk

  u32 pages() const {  // of its areas
    u32 sum = 0;
    for (const auto& [start, area] : areas) sum += (area.end - area.start) / hv::kPageSize;
    return sum;
  }
  const Area* area_of(u32 address) const {
    auto next = areas.upper_bound(address);
    if (next == areas.begin()) return nullptr;
    const Area& area = std::prev(next)->second;
    return area.contains(address) ? &area : nullptr;
  }
};

}  // namespace guest
