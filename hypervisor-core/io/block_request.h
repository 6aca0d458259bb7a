// Requests that have been started, and the parts of them that the disk sees.
#pragma once

#include "base/list.h"
#include "base/types.h"
#include "hardware/block_device.h"
#include "io/vbd.h"

namespace hv {

struct BlockRequest;

struct ElevatorTag {};
struct ArrivalTag {};
struct WriteTag {};

// Consecutive sectors of the disk for consecutive sectors of a request's memory.
struct BlockPiece : ListNode<ElevatorTag>, ListNode<ArrivalTag>, ListNode<WriteTag> {
  enum class State : u8 {
    apart,      // no business of the disk: not yet (its request flushes first), or no longer
    blocked,    // an earlier write to the same sectors has not ended
    queued,     // in the elevator
    with_disk,  // in a command
  };

  BlockRequest* request = nullptr;
  State state = State::apart;
  bool alone = false;              // the command that it shared failed: it goes without others
  u32 first = 0;                   // of the request's sectors, in order of its segments
  Extent place;                    // on the disk
  u64 arrival = 0;                 // the elevator's count of turns when it came
  u64 given = 0;                   // of the first in a command: how many commands the disk was given before
  BlockPiece* follower = nullptr;  // in the same command

  u64 end() const { return place.sector + place.sectors; }
  bool overlaps(const BlockPiece& other) const { return place.sector < other.end() && other.place.sector < end(); }
};

struct RequestTag {};

// Of a barrier that a flush comes before.
enum class FlushState : u8 { none, queued, with_disk };

// Linked: it waits for its flush to be given to the disk, or it is free.
struct BlockRequest : ListNode<RequestTag> {
  bool in_use = false;
  BlockInterface* interface = nullptr;  // null: its domain is gone
  Vbd* vbd = nullptr;                   // null likewise
  u32 id = 0;                           // the guest's
  BlockRequestOp operation = BlockRequestOp::read;
  bool failed = false;
  FlushState flush = FlushState::none;
  u32 segment_count = 0;
  hw::BlockSegment segments[kMaxSegments];  // their frames are held
  u32 piece_count = 0, pieces_left = 0;     // pieces_left: that have not ended
  BlockPiece pieces[kMaxExtents];

  // Calls `add` with the segments that hold the sectors of `piece`.
  template <class F>
  void for_each_segment(const BlockPiece& piece, F add) const {
    u64 skip = piece.first, left = piece.place.sectors;
    for (u32 i = 0; left != 0; ++i) {
      const hw::BlockSegment& segment = segments[i];
      if (skip >= segment.sectors) {
        skip -= segment.sectors;
        continue;
      }
      const u64 here = segment.sectors - skip, part = left < here ? left : here;
      add(hw::BlockSegment{segment.frame, static_cast<u16>(segment.first_sector + skip), static_cast<u16>(part)});
      skip = 0;
      left -= part;
    }
  }
};

}  // namespace hv
