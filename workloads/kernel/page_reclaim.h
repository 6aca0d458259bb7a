// What a kernel does when memory runs low: it gives up clean pages of its caches, writes dirty ones, takes pages away
// from processes and puts them into swap; and when nothing of this helps it kills a process. (Linux 2.4, mm/vmscan.c,
// mm/page_alloc.c, mm/oom_kill.c, and vm_enough_memory of mm/mmap.c.)
//
// A 128th of the memory, from 20 to 255 pages, is the least that stays free. At twice that kswapd is woken, which stops
// at three times; at the least itself whoever wants a page does the work first. Kernel pages have to be in low memory.
#pragma once

#include "model/task.h"
#include "workloads/kernel/out_of_memory.h"
#include "workloads/kernel/page_allocator.h"
#include "workloads/kernel/process.h"

namespace guest {

class Kernel;
class Port;
class SwapSpace;

class PageReclaim {
 public:
  PageReclaim(Kernel& kernel, Port& port, SwapSpace& swap) : kernel_{kernel}, port_{port}, swap_{swap} {}
  PageReclaim(const PageReclaim&) = delete;
  PageReclaim& operator=(const PageReclaim&) = delete;

  // --- in a process; charged -----------------------------------------------------------------------------------------
  // Before it takes a few pages: there are some, but for the reserve. May sleep, and kill.
  model::Task<> make_room(PageUse use) {
    if (free(use) <= 2 * least(use)) co_await balance(use);
  }
  model::Task<GuestFrame> take_page(PageUse use);
  // A page for somebody outside: nothing when only killing would give more.
  model::Task<std::optional<GuestFrame>> spare_page();
  // Clean pages that nobody maps, at once: for whoever cannot sleep. How many were freed.
  u32 drop_clean(PageUse use, u32 most);
  // Whether so many pages of private memory may be promised to a process: there could be so many if all caches were
  // given up and swap were filled.
  bool enough_memory(u32 pages) const;
  model::Task<> daemon();  // a thread's main: kswapd

  void write_ended();  // of a page, in an interrupt handler: somebody may wait for one to become clean
  OutOfMemory& out_of_memory() { return out_of_memory_; }
  const OutOfMemory& out_of_memory() const { return out_of_memory_; }

  struct Counts {
    u64 freed = 0, looked_at = 0;  // pages of the inactive list
    u64 unmapped = 0;              // taken away from a process
    u64 entries = 0;               // page-table entries looked at for that
    u64 waits = 0;                 // of processes that wanted a page
  };
  const Counts& counts() const { return counts_; }

 private:
  u32 least(PageUse use) const;
  u32 free(PageUse use) const;
  u32 writing() const;
  model::Task<> balance(PageUse use);
  model::Task<u32> try_to_free(PageUse use);
  struct Pass {
    u32 freed = 0;
    bool unmap = false;  // too much of what was found is in use by processes
  };
  model::Task<Pass> shrink(PageUse use, u32 pages, u32 priority);
  enum class Fate : u8 { freed, mapped, write, none };
  Fate judge(GuestFrame frame);
  model::Task<> write(const BlockPointer& page);
  model::Task<> unmap(u32 pages);
  model::Task<u32> unmap_from(AddressSpace& space, u32 pages);
  model::Task<bool> unmap_page(AddressSpace& space, const Area& area, u32 page);

  Kernel& kernel_;
  Port& port_;
  SwapSpace& swap_;
  OutOfMemory out_of_memory_{kernel_};
  WaitQueue wanted_;    // where kswapd sleeps
  WaitQueue written_;   // who waits for a write to end
  ProcessId next_ = 0;  // whose memory is looked at next
  Counts counts_;
};

}  // namespace guest
