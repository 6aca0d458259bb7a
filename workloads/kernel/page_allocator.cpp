#include "workloads/kernel/page_allocator.h"

#include <algorithm>
#include <utility>

namespace guest {

PageAllocator::PageAllocator(GuestFrame first, u32 frames, GuestFrame low_end, sim::RandomStream order)
    : first_{first.number()},
      low_end_{low_end.number()},
      low_frames_{std::min(frames, low_end.number() - std::min(first.number(), low_end.number()))},
      users_(frames),
      lists_{first, frames},
      order_{order} {
  for (u32 number = first_; number < first_ + frames; ++number) {
    (number < low_end_ ? low_ : high_).fresh.push_back(number);
  }
}

std::optional<GuestFrame> PageAllocator::take(PageUse use) {
  if (use == PageUse::user && high_.count() > 0) return take(high_);
  return take(low_);
}

std::optional<GuestFrame> PageAllocator::take(Zone& zone) {
  std::vector<u32>& frames = zone.returned.empty() ? zone.fresh : zone.returned;
  if (frames.empty()) return std::nullopt;
  // Shuffled one by one as they are taken, which gives the same distribution as shuffling all of them first.
  if (zone.returned.empty()) std::swap(frames[order_->below(frames.size())], frames.back());
  const GuestFrame frame{frames.back()};
  frames.pop_back();
  users_[index(frame)] = 1;
  return frame;
}

void PageAllocator::give(GuestFrame frame) {
  if (--users_[index(frame)] > 0) return;
  lists_.remove(frame);
  (frame.number() < low_end_ ? low_ : high_).returned.push_back(frame.number());
}

}  // namespace guest
