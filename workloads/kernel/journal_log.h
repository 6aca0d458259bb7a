// The journal's area on the disk, in the format of Linux's jbd: a super block that says where the oldest transaction
// still needed begins, then transactions round and round. Each is a descriptor with the places of the blocks that
// follow it, those blocks, perhaps more of both, and a commit block that makes it count. Whoever recovers goes from the
// beginning as long as magic numbers and sequence numbers are right.
//
// Descriptors, commit blocks and the super block really are in memory when they are written.
#pragma once

#include <deque>
#include <set>
#include <span>
#include <vector>

#include "workloads/kernel/block_cache.h"

namespace guest {

class JournalLog {
 public:
  // `first_sector`: of the area, on the queue's device.
  JournalLog(Kernel& kernel, RequestQueue& queue, u64 first_sector, u32 blocks);

  u32 blocks() const { return blocks_; }
  u32 room() const;  // blocks that can be written before the beginning must move
  u32 next() const { return next_; }
  // What a transaction of so many blocks takes.
  static u32 blocks_for(u32 metadata, u32 revoked);

  // A transaction, up to its commit block; false: it is not there. Without barriers waits for the rest of it before
  // the commit block is written; with them, that is the barrier, and only the whole is waited for.
  model::Task<bool> write(u32 sequence, std::span<const BlockPointer> metadata, const std::set<BlockNumber>& revoked);
  // Everything before the transaction with this number, which begins there, is no longer needed: what it changed is in
  // its place, which a drive that caches writes makes true only when the super block is a barrier, where there are any.
  model::Task<bool> begin_at(u32 sequence, u32 start);

 private:
  Buffer& take_buffer(GuestFrame frame);
  Buffer& take_buffer_with_page();  // of `words_`
  void fill(GuestFrame page);       // with them
  model::Task<> append(Buffer& buffer, bool barrier = false);
  model::Task<bool> wait();  // for all that were submitted

  Kernel& kernel_;
  RequestQueue& queue_;
  u64 first_sector_;
  u32 blocks_;
  u32 start_ = 1, next_ = 1;    // the oldest block needed, the next one to write; equal: none is needed
  std::deque<Buffer> buffers_;  // of blocks in the order of their writing; the first `used_` are under way
  std::size_t used_ = 0;
  std::vector<GuestFrame> pages_;  // for descriptors and the like
  std::size_t used_pages_ = 0;
  std::vector<u32> words_;  // of the block that is being made
};

}  // namespace guest
