// What a kernel's memory has been through before anybody measures: init's scripts and other programs have come and
// gone, files were read and are still in the page cache, services have started and keep what they have. All of it went
// through the page allocator, and how it left the free pages is what a benchmark finds.
#pragma once

#include "sim/random.h"
#include "workloads/kernel/cached_block.h"
#include "workloads/kernel/page_allocator.h"

namespace guest {

// From linux24.json. A kernel with little memory has kept no more than a quarter of it in files and an eighth for
// services and itself.
struct HistoryShape {
  u32 processes = 0;                               // that have come and gone
  u32 alive = 0;                                   // of them at a time
  u32 user_pages = 0;                              // private ones of each: a mean, exponentially distributed
  u32 kernel_pages = 0;                            // of each: stack, directory, tables
  u32 file_pages = 0;                              // that are still cached, clean and used by nobody
  u32 file_run = 0;                                // read at a time
  u32 kept_user_pages = 0, kept_kernel_pages = 0;  // for good
};

class History {
 public:
  // Only once.
  void pass(PageAllocator& pages, const HistoryShape& shape, sim::RandomStream random);

  // Pages of files are on the inactive list, with this owner, until they are reclaimed.
  bool caches(const CachedBlock* owner) const { return owner == &file_; }
  void give_up(PageAllocator& pages, GuestFrame frame);
  u32 cached_pages() const { return cached_pages_; }

 private:
  void cache(PageAllocator& pages, GuestFrame frame);

  CachedBlock file_{GuestFrame{0}, kNoBlock, nullptr, 0};  // stands for all that nobody will read again
  u32 cached_pages_ = 0;
};

}  // namespace guest
