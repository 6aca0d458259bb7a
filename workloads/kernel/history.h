// What a kernel's memory has been through before anybody measures: init's scripts and other programs have come and
// gone, services have started and keep what they have, and files were read until the page cache had all the memory
// there is, and beyond; some of them again and again. All of it went through the page allocator and the lists of active
// and inactive pages. So few pages are free, as on any machine that is up for a while, and they lie where the least
// used files happened to be.
#pragma once

#include <string>

#include "sim/random.h"
#include "workloads/kernel/cached_block.h"
#include "workloads/kernel/page_allocator.h"

namespace guest {

// From linux24.json. A kernel with little memory has kept no more than an eighth of it for services and itself.
struct HistoryShape {
  u32 processes = 0;                               // that have come and gone
  u32 alive = 0;                                   // of them at a time
  u32 user_pages = 0;                              // private ones of each: a mean, exponentially distributed
  u32 kernel_pages = 0;                            // of each: stack, directory, tables
  u32 files_read = 0;                              // pages of files from the disk, per 1000 pages of memory
  u32 files_reused = 0;                            // pages found in memory, per 1000 of those
  u32 file_run = 0;                                // pages read at a time
  u32 kept_user_pages = 0, kept_kernel_pages = 0;  // for good

  bool operator==(const HistoryShape&) const = default;
};

class History {
 public:
  // Only once.
  void pass(PageAllocator& pages, const HistoryShape& shape, sim::RandomStream random);
  // The same with a stream of that seed and name. What it leaves is remembered for the next kernel of this process that
  // begins with the same: a sweep's points mostly do.
  void pass(PageAllocator& pages, const HistoryShape& shape, u64 seed, const std::string& stream);

  // Frees the least used pages of files if few pages are free, as kswapd would [mm/vmscan.c], and charges nobody.
  void make_room(PageAllocator& pages, PageUse use);

  // Pages of files are on the active or the inactive list, with this owner, until they are reclaimed.
  bool caches(const CachedBlock* owner) const { return owner == &file_; }
  void give_up(PageAllocator& pages, GuestFrame frame);
  u32 cached_pages() const { return cached_pages_; }

 private:
  void cache(PageAllocator& pages, GuestFrame frame);
  void use_again(PageAllocator& pages, GuestFrame frame);

  inline static CachedBlock file_{GuestFrame{0}, kNoBlock, nullptr, 0};  // stands for all that nobody will read again
  u32 cached_pages_ = 0;
};

}  // namespace guest
