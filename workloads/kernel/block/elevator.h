// The order of the requests that wait for a block device: Linux 2.4's ELEVATOR_LINUS.
//
// A new request is sorted in from the tail, so that the heads sweep in one direction and then start over. It may go
// before others only so far: each bears to be passed by so many sectors (8192 of a read, 16384 of a write), and one
// that has fewer left than the newcomer has sectors is a fence. A barrier bears none. (drivers/block/elevator.c)
#pragma once

#include <cstddef>
#include <vector>

#include "workloads/kernel/block/buffer.h"

namespace guest {

struct BlockRequest {
  BlockDirection direction = BlockDirection::read;
  bool barrier = false;  // nothing is merged with it or passes it
  u64 sector = 0;
  u32 sectors = 0;
  std::vector<Buffer*> buffers;  // in the order of their sectors, without gaps
  u32 may_be_passed = 0;         // by so many sectors more
  u32 slot = 0;                  // of the queue's 128; the driver's name for it

  u64 end() const { return sector + sectors; }
};

class Elevator {
 public:
  static constexpr u32 kReadMayBePassed = 8192, kWriteMayBePassed = 16'384;  // sectors

  // How far a request may grow.
  struct Limits {
    u32 sectors, buffers;
  };
  explicit Elevator(Limits limits) : limits_{limits} {}

  bool empty() const { return waiting_.empty(); }
  const std::vector<BlockRequest*>& waiting() const { return waiting_; }  // the first is the next to be taken

  // What to do with a newcomer that is no barrier.
  struct Place {
    enum class Kind : u8 { insert, append_to, prepend_to } kind;
    std::size_t at;  // of the request to extend, or where to insert
    u32 looked_at;   // requests, to find it
  };
  Place place(BlockDirection direction, u64 sector, u32 sectors) const;

  void insert(BlockRequest& request, std::size_t at);
  void push_back(BlockRequest& request) { waiting_.push_back(&request); }
  // Puts the buffer at an end of the request. Null, or a neighbour of the request that has become part of it, since
  // there is no gap between them any more.
  BlockRequest* extend(const Place& place, Buffer& buffer);
  BlockRequest& take_first();

 private:
  void pass(std::size_t first, u32 sectors);  // all from there on
  BlockRequest* join(std::size_t at);         // with the one behind it

  Limits limits_;
  std::vector<BlockRequest*> waiting_;
};

}  // namespace guest
