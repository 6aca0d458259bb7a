// The page frames of a kernel: which are free, who uses the others, and on which list they wait to be reclaimed.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "workloads/kernel/page_lists.h"

namespace guest {

constexpr u32 kReclaimBatch = 32;  // pages that are freed at a time when few are left [SWAP_CLUSTER_MAX]

// What a page is for decides where it may be: only low memory is in the direct map.
enum class PageUse : u8 { kernel, user };

// The page frames of one kernel: which are free, and how many users each of the others has. The binary buddy allocator
// of Linux 2.4 (mm/page_alloc.c), for single pages: free frames are in blocks of 1 to 512, each at a multiple of its
// size, on a list for each size. What was put on a list last is taken first. A page comes from the smallest block there
// is, whose lower halves go back onto the lists until one frame is left; one that is given back is put together with
// its buddy, the other half of the block that it would make, for as long as that is free, too.
//
// Pages of users come from high memory as long as there is any.
class PageAllocator {
 public:
  PageAllocator() = default;
  // Frames from `first` on; those below `low_end` are in the direct map. All are free, as if each had been given back,
  // in ascending order [free_all_bootmem].
  PageAllocator(GuestFrame first, u32 frames, GuestFrame low_end);

  std::optional<GuestFrame> take(PageUse use);  // with one user
  void share(GuestFrame frame) { ++at(frame.number()).users; }
  void give(GuestFrame frame);  // one user less; free, and on no list, when it was the last
  u32 users(GuestFrame frame) const { return at(frame.number()).users; }
  bool low(GuestFrame frame) const { return frame.number() < low_.end; }
  GuestFrame first() const { return GuestFrame{first_}; }
  u32 frames() const { return static_cast<u32>(frames_.size()); }
  u32 free_frames() const { return low_.free + high_.free; }
  // Where those for this use may be.
  u32 frames(PageUse use) const { return use == PageUse::user ? frames() : low_.end - low_.begin; }
  u32 free_frames(PageUse use) const { return use == PageUse::user ? free_frames() : low_.free; }
  // What stays free for whoever must not wait: a 128th of the memory, from 20 to 255 pages [zone->pages_min].
  u32 least_free(PageUse use) const { return std::clamp(frames(use) / 128, 20u, 255u); }
  // A number for all that was taken and given back so far, by which frame, of a memory of this size and place: two
  // allocators with the same one are the same.
  u64 past() const { return past_; }
  PageLists& lists() { return lists_; }
  const PageLists& lists() const { return lists_; }
  // The first violation: free frames that are not counted, or have users; two buddies that are both free.
  std::optional<std::string> audit() const;

 private:
  static constexpr u32 kOrders = 10;  // MAX_ORDER
  static constexpr u32 kEnd = ~u32{0};
  static constexpr u8 kNoBlock = 0xff;
  struct Frame {
    u32 users = 0;
    u32 next = kEnd, previous = kEnd;  // of the list, if a free block begins here
    u8 order = kNoBlock;               // of the free block that begins here: it has 1 << order frames
  };
  struct Zone {
    Zone() { lists.fill(kEnd); }
    u32 begin = 0, end = 0;  // frame numbers
    u32 free = 0;            // frames
    u32 filled = 0;          // the bit of each order that has a block
    std::array<u32, kOrders> lists;
  };
  Zone& zone_of(u32 number) { return number < low_.end ? low_ : high_; }
  Frame& at(u32 number) { return frames_[number - first_]; }
  const Frame& at(u32 number) const { return frames_[number - first_]; }
  void fill(Zone& zone);
  std::optional<GuestFrame> take(Zone& zone);
  void free_block(Zone& zone, u32 number, u32 order);
  void link(Zone& zone, u32 number, u32 order);
  void unlink(Zone& zone, u32 number, u32 order);
  std::optional<std::string> audit(const Zone& zone) const;

  void remember(u32 number) { past_ = (past_ ^ number) * 0x9e37'79b9'7f4a'7c15u + 1; }

  u32 first_ = 0;
  u64 past_ = 0;
  Zone low_, high_;
  std::vector<Frame> frames_;
  PageLists lists_;
};

}  // namespace guest
