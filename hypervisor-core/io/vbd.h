// A virtual block device (VBD): extents of the physical disk one after the other, and the order of its writes; and what
// a domain with VBDs has: the ring that they share.
#pragma once

#include "base/list.h"
#include "base/planted.h"
#include "base/types.h"
#include "interface/block.h"
#include "io/ring.h"

namespace hv {

struct Domain;

struct Extent {
  u64 sector = 0;  // of the disk
  u64 sectors = 0;
};

constexpr bool is_write(BlockRequestOp operation) { return operation != BlockRequestOp::read; }

// A write that a barrier does not yet allow: a private copy, which is checked when its turn comes.
struct WaitingTag {};
struct WaitingWrite : ListNode<WaitingTag> {
  BlockRingRequest request{};
};
using WaitingWrites = List<WaitingWrite, WaitingTag>;

// Order among the writes of a VBD is kept by starting them in order: all those before a barrier end before it starts,
// and it ends before the next starts. Reads start at once.
struct Vbd {
  bool in_use = false;
  u16 id = 0;
  VbdAccess access = VbdAccess::read_only;
  u32 extent_count = 0;
  Extent extents[kMaxExtents];

  WaitingWrites waiting;   // oldest first
  u32 requests = 0;        // started and not ended: writes, the barrier among them, and reads
  u32 writes = 0;          // those of them that write
  bool barrier = false;    // one of them is a barrier, and then it is the only write
  bool unflushed = false;  // a write has ended since the disk's cache was last flushed for this VBD

  u64 sectors() const;
  // Where `wanted` lies on the disk: the number of consecutive parts; 0: some of it is beyond the end.
  u32 translate(const Extent& wanted, Extent (&parts)[kMaxExtents]) const;

  bool may_start(BlockRequestOp write) const {
    if (write == BlockRequestOp::write_barrier && HV_PLANTED(barrier_early)) return !barrier;
    return write == BlockRequestOp::write_barrier ? writes == 0 : !barrier;
  }
  bool must_wait(BlockRequestOp write) const { return !waiting.empty() || !may_start(write); }
};

// Where the requests of one domain ended.
struct BlockCounts {
  u64 by_status[static_cast<u32>(BlockStatus::io_error) + 1] = {};  // answered
  u64 dropped = 0;                                                  // the domain was destroyed
  void add(BlockStatus status) { ++by_status[static_cast<u32>(status)]; }
  void add(const BlockCounts& more);
  u64 operator[](BlockStatus status) const { return by_status[static_cast<u32>(status)]; }
  u64 total() const;
};

struct BlockQueueTag {};

// Linked: in the queue of those with requests to start.
struct BlockInterface : ListNode<BlockQueueTag> {
  BlockInterface();

  Domain* domain = nullptr;
  MachineFrame ring_frame;
  Ring<BlockRingRequest, BlockRingResponse, kBlockRingSize> ring;
  Vbd vbds[kMaxVbdsPerDomain];
  WaitingWrite places[kBlockRingSize];  // as many as the ring has requests, so there is always one
  WaitingWrites free_places;

  u64 taken = 0;  // requests
  BlockCounts ended;

  Vbd* find(u32 id);
};

}  // namespace hv
