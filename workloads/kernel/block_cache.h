// The memory between a file system and its disk: which blocks are in it, which of them are to be written, and when that
// happens. (Linux 2.4, fs/buffer.c.) Which are given up when memory runs low: page_reclaim.h.
//
// Dirty blocks are written when they are 30 seconds old, by a daemon that looks every five; from 30 % of the memory
// that caches can have on by another one, down to 20 %; and from 60 % on by whoever makes more.
#pragma once

#include <map>
#include <optional>

#include "workloads/kernel/block/request_queue.h"
#include "workloads/kernel/cached_block.h"

namespace guest {

class BlockCache {
 public:
  // `first_sector`: of the file system, on the queue's device.
  BlockCache(Kernel& kernel, RequestQueue& queue, u64 first_sector);
  BlockCache(const BlockCache&) = delete;
  BlockCache& operator=(const BlockCache&) = delete;

  RequestQueue& queue() { return queue_; }

  // --- metadata; in a process ---------------------------------------------------------------------------------------
  model::Task<BlockPointer> metadata(BlockNumber block);  // read if it must be; null: it cannot be
  model::Task<BlockPointer> fresh(BlockNumber block);     // just allocated: nothing to read
  void install(BlockNumber block);                        // as if it had been read before; no cost
  void forget(BlockNumber block);                         // freed: what is cached stands for nothing any more
  BlockPointer cached(BlockNumber block) const;           // null: it is not there

  // --- any block; in a process --------------------------------------------------------------------------------------
  void adopt(CachedBlock& block);  // it is in use from now on
  void use(CachedBlock& block);    // it was, again
  void drop(CachedBlock& block);   // its page is free; not while it is locked
  model::Task<> start_read(BlockPointer block);
  model::Task<bool> make_current(BlockPointer block);  // false: it could not be read
  void mark_dirty(CachedBlock& block);
  void mark_dirty(CachedBlock& block, u64 old_in);  // in so many ticks; no sooner than those before
  void mark_clean(CachedBlock& block);              // without writing it
  model::Task<> start_write(BlockPointer block);    // if it is dirty
  model::Task<> wait(BlockPointer block);           // for the transfer that is under way
  model::Task<> unplug() { return queue_.unplug(); }

  // --- write-back ---------------------------------------------------------------------------------------------------
  model::Task<> balance();       // after making a block dirty
  model::Task<> flush_daemon();  // a thread's main: bdflush
  model::Task<> write_old();     // in kupdate
  model::Task<> write_all();     // in sync; waits

  // A clean block that nobody maps, waits for or has in a transaction is no longer in memory. False: it has to stay.
  bool give_up(CachedBlock& block);

  u32 dirty_blocks() const { return dirty_count_; }
  u32 cached_blocks() const { return cached_count_; }
  u32 writing() const { return writing_; }
  struct Counts {
    u64 reads = 0, writes = 0;   // blocks
    u64 reclaimed = 0;           // pages
    u64 flushed_by_daemon = 0;   // blocks, because too many were dirty
    u64 flushed_by_writers = 0;  // the same, because far too many were
    u64 failed = 0;
  };
  const Counts& counts() const { return counts_; }

 private:
  bool dirty_beyond(u32 percent) const;
  BlockPointer insert(BlockNumber block, GuestFrame frame);
  model::Task<u32> write_some(u64 until);
  void ended(CachedBlock& block);

  Kernel& kernel_;
  RequestQueue& queue_;
  u64 first_sector_;
  std::map<BlockNumber, BlockPointer> metadata_;
  BlockList<&CachedBlock::in_dirty> dirty_;  // the oldest first
  u32 cached_count_ = 0, dirty_count_ = 0, writing_ = 0;
  WaitQueue flush_wanted_;
  WaitQueue write_done_;
  Counts counts_;
};

}  // namespace guest
