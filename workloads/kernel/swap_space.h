// Swap: a disk whose 4 KB slots hold anonymous pages that were taken away from the processes, and the swap cache, the
// pages in memory that have a slot. (Linux 2.4, mm/swapfile.c, mm/swap_state.c, mm/page_io.c, the swap part of
// mm/memory.c.)
//
// A slot is counted: once for every page-table entry that names it, and once for the swap cache. A page of the swap
// cache has one user for that, beside the entries that map it.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "workloads/kernel/block/disk.h"
#include "workloads/kernel/cached_block.h"

namespace guest {

class Kernel;

using SwapSlot = u32;  // 0: none, for the first one holds what mkswap has written

class SwapSpace {
 public:
  explicit SwapSpace(Kernel& kernel) : kernel_{kernel} {}
  SwapSpace(const SwapSpace&) = delete;
  SwapSpace& operator=(const SwapSpace&) = delete;

  void use(const Disk& disk);               // [swapon]; once
  RequestQueue* queue() { return queue_; }  // null: there is no swap
  u32 slots() const { return users_.empty() ? 0 : static_cast<u32>(users_.size()) - 1; }
  u32 free_slots() const { return free_; }
  bool scarce() const { return free_ * 2 < slots(); }  // then who comes back leaves the swap cache [vm_swap_full]

  // An anonymous page gets a slot and joins the swap cache, dirty. False: there is no slot left [add_to_swap_cache].
  bool add(GuestFrame frame);
  SwapSlot slot_of(GuestFrame frame) const;  // 0: it is not in the swap cache
  // One more page-table entry names the slot, and one less [swap_duplicate, free_swap_and_cache].
  void share(SwapSlot slot) { ++users_[slot]; }
  void release(SwapSlot slot);
  u32 users(SwapSlot slot) const { return users_[slot]; }
  // What the slot holds, in the swap cache; read with its neighbours if it must be. Null: it cannot be. May sleep.
  model::Task<BlockPointer> page(SwapSlot slot);

  // Whether the one entry that maps it is all that stands for this page, its copy in the cache included.
  bool exclusive(GuestFrame frame) const;
  void leave(GuestFrame frame);  // the swap cache: it is plain memory again. Exclusive, and nothing under way
  // A dirty page of the swap cache, or that which an entry said was dirty [set_page_dirty].
  void mark_dirty(CachedBlock& page);
  model::Task<> start_write(BlockPointer page);
  // What nobody maps: its page is free; the slot too if no entry names it.
  bool give_up(CachedBlock& page);
  // No entry names its slot, and nobody maps it: its contents are of no interest.
  bool abandoned(const CachedBlock& page) const;

  u32 writing() const { return writing_; }
  const std::map<SwapSlot, BlockPointer>& cache() const { return cache_; }
  struct Counts {
    u64 pages_in = 0, pages_out = 0;  // read and written
    u64 faults = 0;                   // that needed a slot's page; some were in the swap cache
    u64 failed = 0;
  };
  const Counts& counts() const { return counts_; }

 private:
  std::optional<SwapSlot> take_slot();
  std::optional<SwapSlot> find_cluster();
  void free_slot(SwapSlot slot);
  BlockPointer insert(SwapSlot slot, GuestFrame frame);
  void remove(CachedBlock& page);  // from the cache; the user that it was stays
  model::Task<> start_read(SwapSlot slot);
  model::Task<> read_cluster(SwapSlot slot);
  void ended(CachedBlock& page);

  Kernel& kernel_;
  RequestQueue* queue_ = nullptr;
  u64 first_sector_ = 0;
  std::vector<u16> users_;  // by slot
  u32 free_ = 0;
  SwapSlot lowest_ = 1;           // all before it are taken
  SwapSlot next_in_cluster_ = 1;  // slots are given away in rows
  u32 left_in_cluster_ = 0;
  std::map<SwapSlot, BlockPointer> cache_;  // by slot
  BlockList<&CachedBlock::in_dirty> dirty_;
  u32 writing_ = 0;
  Counts counts_;
};

}  // namespace guest
