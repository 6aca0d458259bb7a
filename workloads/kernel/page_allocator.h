// The page frames of a kernel: which are free, who uses the others, and on which list they wait to be reclaimed.
#pragma once

#include <optional>
#include <vector>

#include "sim/random.h"
#include "workloads/kernel/page_lists.h"

namespace guest {

// What a page is for decides where it may be: only low memory is in the direct map.
enum class PageUse : u8 { kernel, user };

// The page frames of one kernel: which are free, and how many users each of the others has.
//
// The machine has been up for a while, so the free ones are in random order; what is given back is taken next, while
// it may still be in the cache. Pages of users come from high memory as long as there is any.
class PageAllocator {
 public:
  PageAllocator() = default;
  // Frames from `first` on; those below `low_end` are in the direct map. `order` decides which is taken next.
  PageAllocator(GuestFrame first, u32 frames, GuestFrame low_end, sim::RandomStream order);

  std::optional<GuestFrame> take(PageUse use);  // with one user
  void share(GuestFrame frame) { ++users_[index(frame)]; }
  void give(GuestFrame frame);  // one user less; free, and on no list, when it was the last
  u32 users(GuestFrame frame) const { return users_[index(frame)]; }
  bool low(GuestFrame frame) const { return frame.number() < low_end_; }
  GuestFrame first() const { return GuestFrame{first_}; }
  u32 frames() const { return static_cast<u32>(users_.size()); }
  u32 free_frames() const { return low_.count() + high_.count(); }
  // Where those for this use may be.
  u32 frames(PageUse use) const { return use == PageUse::user ? frames() : low_frames_; }
  u32 free_frames(PageUse use) const { return use == PageUse::user ? free_frames() : low_.count(); }
  PageLists& lists() { return lists_; }
  const PageLists& lists() const { return lists_; }

 private:
  struct Zone {
    std::vector<u32> fresh, returned;  // frame numbers
    u32 count() const { return static_cast<u32>(fresh.size() + returned.size()); }
  };
  std::optional<GuestFrame> take(Zone& zone);
  u32 index(GuestFrame frame) const { return frame.number() - first_; }

  u32 first_ = 0, low_end_ = 0, low_frames_ = 0;
  Zone low_, high_;
  std::vector<u32> users_;
  PageLists lists_;
  std::optional<sim::RandomStream> order_;
};

}  // namespace guest
