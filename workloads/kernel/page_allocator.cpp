#include "workloads/kernel/page_allocator.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

namespace guest {

PageAllocator::PageAllocator(GuestFrame first, u32 frames, GuestFrame low_end)
    : first_{first.number()}, frames_(frames), lists_{first, frames} {
  const u32 end = first_ + frames;
  low_.begin = first_;
  low_.end = high_.begin = std::clamp(low_end.number(), first_, end);
  high_.end = end;
  for (const u32 part : {first_, low_.end, end}) remember(part);
  fill(low_);
  fill(high_);
}

// In the largest blocks that fit, which is what comes of frames that are given back one by one.
void PageAllocator::fill(Zone& zone) {
  for (u32 number = zone.begin; number < zone.end;) {
    const auto aligned = static_cast<u32>(std::countr_zero(number));
    const auto fitting = static_cast<u32>(std::bit_width(zone.end - number)) - 1;
    const u32 order = std::min({aligned, fitting, kOrders - 1});
    free_block(zone, number, order);
    number += 1u << order;
  }
}

std::optional<GuestFrame> PageAllocator::take(PageUse use) {
  if (use == PageUse::user && high_.free > 0) return take(high_);
  return take(low_);
}

std::optional<GuestFrame> PageAllocator::take(Zone& zone) {  // [rmqueue, expand]
  if (zone.filled == 0) return std::nullopt;
  auto order = static_cast<u32>(std::countr_zero(zone.filled));
  u32 number = zone.lists[order];
  unlink(zone, number, order);
  while (order > 0) {
    --order;
    link(zone, number, order);
    number += 1u << order;
  }
  --zone.free;
  remember(number);
  at(number).users = 1;
  return GuestFrame{number};
}

void PageAllocator::give(GuestFrame frame) {
  if (--at(frame.number()).users > 0) return;
  remember(~frame.number());
  lists_.remove(frame);
  free_block(zone_of(frame.number()), frame.number(), 0);
}

void PageAllocator::free_block(Zone& zone, u32 number, u32 order) {  // [__free_pages_ok]
  zone.free += 1u << order;
  for (; order + 1 < kOrders; ++order) {
    const u32 buddy = number ^ 1u << order;
    if (buddy < zone.begin || buddy >= zone.end || at(buddy).order != order) break;
    unlink(zone, buddy, order);
    number = std::min(number, buddy);
  }
  link(zone, number, order);
}

void PageAllocator::link(Zone& zone, u32 number, u32 order) {
  u32& list = zone.lists[order];
  Frame& frame = at(number);
  frame.order = static_cast<u8>(order);
  frame.previous = kEnd;
  frame.next = list;
  if (list != kEnd) at(list).previous = number;
  list = number;
  zone.filled |= 1u << order;
}

void PageAllocator::unlink(Zone& zone, u32 number, u32 order) {
  u32& list = zone.lists[order];
  Frame& frame = at(number);
  (frame.previous == kEnd ? list : at(frame.previous).next) = frame.next;
  if (frame.next != kEnd) at(frame.next).previous = frame.previous;
  frame.order = kNoBlock;
  if (list == kEnd) zone.filled &= ~(1u << order);
}

std::optional<std::string> PageAllocator::audit() const {
  std::optional<std::string> wrong = audit(low_);
  return wrong ? wrong : audit(high_);
}

std::optional<std::string> PageAllocator::audit(const Zone& zone) const {
  u32 listed = 0;
  for (u32 order = 0; order < kOrders; ++order) {
    for (u32 number = zone.lists[order]; number != kEnd; number = at(number).next) {
      listed += 1u << order;
      const u32 buddy = number ^ 1u << order;
      if (order + 1 < kOrders && buddy >= zone.begin && buddy < zone.end && at(buddy).order == order)
        return fmt::format("blocks {} and {} of {} pages are free and not one", number, buddy, 1u << order);
    }
  }
  u32 unused = 0;
  for (u32 number = zone.begin; number < zone.end; ++number) unused += at(number).users == 0;
  if (listed != zone.free || unused != zone.free)
    return fmt::format("{} pages are on the lists of free ones, {} have no users, {} are counted", listed, unused,
                       zone.free);
  return std::nullopt;
}

}  // namespace guest
