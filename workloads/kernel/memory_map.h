// Address spaces: what an access finds, and what mmap, munmap, mprotect, brk, fork and exec do to them. (Linux 2.4, mm/
// and the memory part of kernel/fork.c.)
//
// Everything goes through the port's page-table calls, in Linux's order, so that each port sees what its original saw.
// Pages are counted: one user per entry that maps them, one for the page cache.
#pragma once

#include "model/task.h"
#include "workloads/kernel/address_space.h"
#include "workloads/kernel/cached_block.h"

namespace guest {

class Kernel;
class Port;

inline constexpr u32 kMappingBase = 0x40000000;  // where room for mappings is looked for (TASK_UNMAPPED_BASE)
inline constexpr u32 kStackLimit = 8u << 20;     // RLIMIT_STACK
inline constexpr u32 kUserStackTop = kKernelStart;

constexpr u32 page_of(u32 address) { return address & ~(hv::kPageSize - 1); }
constexpr u32 whole_pages(u32 bytes) { return page_of(bytes + hv::kPageSize - 1); }

class MemoryMap {
 public:
  MemoryMap(Kernel& kernel, Port& port) : kernel_{kernel}, port_{port} {}

  // The page of zeros that every read of untouched anonymous memory sees; nobody counts its users.
  void set_zero_page(GuestFrame frame) { zero_page_ = frame; }
  GuestFrame zero_page() const { return zero_page_; }

  // The page is there with the right that was missing; false: no area gives it.
  model::Task<bool> fault(AddressSpace& space, u32 address, bool write);

  // `area` is put over what is there, or, when it starts at 0, where there is room for its size. Its start; 0: there is
  // no room, or not as much memory.
  model::Task<u32> map(AddressSpace& space, Area area);
  model::Task<> unmap(AddressSpace& space, u32 start, u32 end);
  model::Task<> protect(AddressSpace& space, u32 start, u32 end, Protection protection);
  model::Task<u32> grow_break(AddressSpace& space, u32 bytes);  // its old end; 0: there is not as much memory
  // The first page of a new stack, with the arguments in it.
  model::Task<> map_stack(AddressSpace& space);

  model::Task<> copy(AddressSpace& from, AddressSpace& to);  // in fork: `to` has only its directory
  model::Task<> clear(AddressSpace& space);                  // in exit and exec: only the directory is left

 private:
  class Scan;

  const Area* area_for(AddressSpace& space, u32 address);
  model::Task<> ensure_table(AddressSpace& space, u32 address);
  model::Task<> install(AddressSpace& space, u32 page, PageEntry entry, bool replaced);
  model::Task<bool> map_file_page(AddressSpace& space, const Area& area, u32 page, bool write);
  model::Task<> map_zeros(AddressSpace& space, u32 page, bool write);
  model::Task<bool> map_swapped(AddressSpace& space, const Area& area, u32 page, u32 slot, bool write);
  model::Task<> make_writable(AddressSpace& space, const Area& area, u32 page, PageEntry entry);
  model::Task<BlockPointer> file_page(const Area& area, u32 page);
  // Anonymous pages; a copy's contents exist nowhere: only what copying costs. May sleep.
  model::Task<GuestFrame> fresh_page_of_zeros();
  model::Task<GuestFrame> fresh_copy();
  void release_page(GuestFrame frame);

  model::Task<> zap(AddressSpace& space, const Area& area);
  model::Task<> copy_area(AddressSpace& from, AddressSpace& to, const Area& area);
  model::Task<> release_free_tables(AddressSpace& space, u32 start, u32 end);
  u32 room_for(const AddressSpace& space, u32 bytes) const;  // 0: there is none
  void insert(AddressSpace& space, Area area);               // and merge
  void merge_with_next(AddressSpace& space, std::map<u32, Area>::iterator area);
  void split(AddressSpace& space, u32 address);

  Kernel& kernel_;
  Port& port_;
  GuestFrame zero_page_{0};
};

}  // namespace guest
