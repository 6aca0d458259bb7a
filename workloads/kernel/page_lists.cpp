#include "workloads/kernel/page_lists.h"

#include <utility>

namespace guest {

void PageLists::link(u32 page, ListNumber list) {
  Ends& ends = lists_[list];
  pages_[page].list = list;
  pages_[page].younger = kEnd;
  pages_[page].older = ends.youngest;
  (ends.youngest == kEnd ? ends.oldest : pages_[ends.youngest].younger) = page;
  ends.youngest = page;
  ++ends.pages;
}

void PageLists::unlink(u32 page) {
  Page& leaving = pages_[page];
  Ends& ends = lists_[leaving.list];
  (leaving.younger == kEnd ? ends.youngest : pages_[leaving.younger].older) = leaving.older;
  (leaving.older == kEnd ? ends.oldest : pages_[leaving.older].younger) = leaving.younger;
  --ends.pages;
  leaving.list = kNone;
}

void PageLists::add(GuestFrame frame, CachedBlock* owner) {
  Page& page = pages_[index(frame)];
  page.owner = owner;
  page.used = false;
  link(index(frame), kInactive);
}

void PageLists::remove(GuestFrame frame) {
  const u32 page = index(frame);
  if (pages_[page].list == kNone) return;
  unlink(page);
  pages_[page].owner = nullptr;
}

void PageLists::mark_used(GuestFrame frame) {
  const u32 page = index(frame);
  if (pages_[page].list == kInactive && pages_[page].used) {
    unlink(page);
    link(page, kActive);
    pages_[page].used = false;
  } else {
    pages_[page].used = true;
  }
}

void PageLists::refill_inactive(u32 pages) {
  for (u32 left = lists_[kActive].pages; left > 0 && pages > 0; --left) {
    const u32 page = lists_[kActive].oldest;
    unlink(page);
    if (std::exchange(pages_[page].used, false)) {
      link(page, kActive);
      continue;
    }
    link(page, kInactive);
    pages_[page].used = true;  // so that one more use brings it back
    --pages;
  }
}

std::optional<GuestFrame> PageLists::next_inactive() {
  const u32 page = lists_[kInactive].oldest;
  if (page == kEnd) return std::nullopt;
  unlink(page);
  link(page, kInactive);
  return GuestFrame{first_ + page};
}

}  // namespace guest
