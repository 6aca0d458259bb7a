// The disk and the virtual block devices: every block request between a domain and the disk.
//
// Domains with requests take turns, 16 requests each, until 64 are on their way; more are taken when fewer than 32
// are. A request is copied out of the guest's reach, checked, and its frames are held until the disk is done with them.
// It becomes pieces that are consecutive on the disk. An elevator orders the pieces of all domains; neighbours of one
// domain go as one command. Commands carry simple tags: the disk orders those it has as it likes, and one that prefers
// what is near its arm could let a command wait for ever. So when kMostPassed others have passed the oldest command,
// the next one carries an ordered tag: it waits for all that the disk has by then, and all later ones for it.
//
// Order of writes. A write starts when its VBD lets it (io/vbd.h), and ends when the disk has completed all its
// pieces. A reorder barrier starts when no write of its VBD is on its way, and none starts until it has ended; whoever
// must wait is taken from the ring and waits with the VBD, so that reads, other VBDs and other domains pass. If the
// disk completes writes that are only in its cache, a barrier flushes the cache before it writes, and writes through
// it. Without a barrier one thing is kept: of two pieces that write the same sector, whoever asked, the later one is
// given to the disk when the earlier one has ended.
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "base/list.h"
#include "base/types.h"
#include "caller.h"
#include "domain_table.h"
#include "events/event_channels.h"
#include "hardware/machine.h"
#include "io/block_request.h"
#include "io/elevator.h"
#include "io/vbd.h"
#include "memory/memory_manager.h"
#include "memory/page_exchange.h"

namespace hv {

// Everything the disk and the VBDs have seen, for the conservation check. See conserved().
struct BlockAudit {
  u64 taken = 0;      // requests taken from rings, of domains past and present
  BlockCounts ended;  // where they went
  u64 waiting = 0;    // for a barrier, or as one
  u64 started = 0;    // of domains that live
  u64 frames = 0;     // references held, as counted when they were taken and let go
  u64 segments = 0;   // of all requests not yet forgotten: each holds one
  u64 commands = 0;   // with the disk, as counted when they were given to it and came back
  u64 with_disk = 0;  // as the pieces and flushes say

  bool conserved() const;
};

class BlockIo {
 public:
  // `machine` may have no disk: then there are no VBDs.
  BlockIo(hw::Machine& machine, Arena& arena, DomainTable& domains, MemoryManager& memory, EventChannels& events);
  static u64 bytes_needed(bool disk, u32 max_domains);  // of the arena
  BlockIo(const BlockIo&) = delete;
  BlockIo& operator=(const BlockIo&) = delete;

  // --- hypercall block_io_op: interface/block.h ---
  HypercallResult block_io(Caller& caller, u32 op, u32 first, u32 second);

  // --- the disk's interrupt ---
  void device_interrupt(hw::Cpu& cpu);

  // --- control. no_device: the machine has no disk ---
  u64 disk_sectors() const { return disk_ == nullptr ? 0 : disk_->sectors(); }
  // An empty one; with the first comes the ring. invalid: id or access; busy: the id is taken; no_space: the domain has
  // 8; no_memory.
  HypercallResult create_vbd(Domain& domain, u32 id, u32 access);
  // invalid: no such VBD, or `extent` is empty or not on the disk; no_space: it has 8 extents.
  HypercallResult grow_vbd(Domain& domain, u32 id, const Extent& extent);
  HypercallResult delete_vbd(Domain& domain, u32 id);  // invalid: no such VBD; busy: it has requests
  // Of a dying domain, before its memory is released: what the disk does not yet have is dropped; what it has keeps its
  // frames held until it is done.
  void destroy_vbds(hw::Cpu& cpu, Domain& domain);

  BlockAudit audit() const;

 private:
  static constexpr u32 kMaxStarted = 64;   // requests on their way at one time
  static constexpr u32 kResumeBelow = 32;  // of them
  static constexpr u32 kBatch = 16;        // requests that a domain starts at one turn
  static constexpr u32 kMostPassed = 32;   // commands that pass another before it is fenced
  static constexpr u32 kFlushCommand =
      kMaxStarted * kMaxExtents;  // commands' ids below are pieces, from here on flushes

  // block_intake.cpp: from the rings to pieces
  void queue(BlockInterface& interface);  // if it has requests that can start
  void take_in(hw::Cpu& cpu);
  bool take_next(hw::Cpu& cpu, BlockInterface& interface);  // false: there is none
  void start(hw::Cpu& cpu, BlockInterface& interface, Vbd& vbd, const BlockRingRequest& asked);
  bool read_segments(const BlockRingRequest& asked, BlockRequest& request, u32& sectors) const;
  bool hold_frames(BlockInterface& interface, BlockRequest& request);
  void release_frames(const BlockRequest& request, u32 count);
  void answer(hw::Cpu& cpu, BlockInterface& interface, const BlockRingRequest& asked, BlockStatus status);

  // block.cpp: from pieces to answers
  void resume(hw::Cpu& cpu);
  void queue_pieces(hw::Cpu& cpu, BlockRequest& request);
  void queue_piece(hw::Cpu& cpu, BlockPiece& piece);
  bool blocked(hw::Cpu& cpu, const BlockPiece& piece) const;
  void give_commands(hw::Cpu& cpu);
  void give_flush(BlockRequest& request);
  void give_pieces(hw::Cpu& cpu, BlockPiece& first);
  bool fence_due() const;
  void complete(hw::Cpu& cpu, const hw::BlockCompletion& completion);
  void complete_flush(hw::Cpu& cpu, BlockRequest& request, bool failed);
  void end_piece(BlockPiece& piece);
  void end(hw::Cpu& cpu, BlockRequest& request);
  void abandon(BlockRequest& request);
  void forget(BlockRequest& request);
  void unblock(hw::Cpu& cpu);
  u32 id_of(const BlockPiece& piece) const;

  hw::Machine& machine_;
  hw::Memory& memory_;
  hw::BlockDevice* disk_;
  Arena& arena_;
  DomainTable& domains_;
  MemoryManager& frames_;
  PageExchange pages_;
  EventChannels& events_;

  List<BlockInterface, BlockQueueTag> queue_;   // with requests to start, next turn first
  List<BlockInterface, BlockQueueTag> unused_;  // of domains that are gone

  BlockRequest* requests_ = nullptr;
  List<BlockRequest, RequestTag> free_requests_;
  u32 started_ = 0;
  Elevator elevator_;
  List<BlockRequest, RequestTag> flushes_;            // to be given to the disk, before all else
  List<BlockPiece, WriteTag> writes_;                 // not ended, in the order in which they started
  List<BlockPiece, ElevatorTag> blocked_;             // of them; oldest first
  hw::BlockSegment segments_[hw::kMaxBlockSegments];  // of the command that is being made
  u32 commands_ = 0;                                  // with the disk
  List<BlockPiece, ArrivalTag> with_disk_;  // the first pieces of those, in the order in which they were given
  u64 given_ = 0, done_ = 0;                // commands of pieces, ever
  u64 fenced_ = 0;                          // of them, those that the last ordered tag waits for

  u64 frames_held_ = 0;
  u64 past_taken_ = 0;  // of domains that are gone
  BlockCounts past_ended_;
};

}  // namespace hv
