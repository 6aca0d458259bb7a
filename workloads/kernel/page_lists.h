// The two lists on which a kernel keeps the pages that it may take away from their users: active ones, and inactive
// ones, from whose end they are reclaimed. (Linux 2.4, mm/swap.c, mm/vmscan.c.)
//
// Every page of a file, of metadata, of anonymous memory and of the swap cache is on one of them, kernel's own pages
// on none. Links are numbers of frames, so that nothing is allocated.
#pragma once

#include <optional>
#include <vector>

#include "workloads/kernel/memory.h"

namespace guest {

struct CachedBlock;

class PageLists {
 public:
  PageLists() = default;
  PageLists(GuestFrame first, u32 frames) : first_{first.number()}, pages_(frames) {}

  void add(GuestFrame frame, CachedBlock* owner);  // inactive, and the youngest there [lru_cache_add]; it is on none
  void remove(GuestFrame frame);                   // nothing happens if it is on none
  // What it caches: null: anonymous memory.
  void set_owner(GuestFrame frame, CachedBlock* owner) { pages_[index(frame)].owner = owner; }
  CachedBlock* owner(GuestFrame frame) const { return pages_[index(frame)].owner; }
  bool listed(GuestFrame frame) const { return pages_[index(frame)].list != kNone; }
  bool active(GuestFrame frame) const { return pages_[index(frame)].list == kActive; }

  void mark_used(GuestFrame frame);  // the second time it becomes active [mark_page_accessed]
  void refill_inactive(u32 pages);   // from the end of the active ones; those used since they were looked at stay
  // The oldest inactive page, which counts as the youngest from now on; nothing: there is none.
  std::optional<GuestFrame> next_inactive();
  // Calls `give_up` with one page after the other from the end of the inactive list on, and of what the active one has
  // to add, until it has answered true `most` times. How often it has.
  template <class GiveUp>
  u32 reclaim(u32 most, GiveUp&& give_up) {
    u32 freed = 0;
    for (const bool all : {false, true}) {
      const u32 share = static_cast<u32>(u64{most} * active_pages() / ((u64{inactive_pages()} + 1) * 2));
      refill_inactive(all ? active_pages() : share);
      for (u32 left = inactive_pages(); left > 0 && freed < most; --left) {
        if (give_up(*next_inactive())) ++freed;
      }
      if (freed > 0) break;
    }
    return freed;
  }
  u32 inactive_pages() const { return lists_[kInactive].pages; }
  u32 active_pages() const { return lists_[kActive].pages; }

 private:
  enum ListNumber : u8 { kInactive, kActive, kNone };
  static constexpr u32 kEnd = ~u32{0};
  struct Page {
    u32 younger = kEnd, older = kEnd;
    ListNumber list = kNone;
    bool used = false;  // [PG_referenced]
    CachedBlock* owner = nullptr;
  };
  struct Ends {
    u32 youngest = kEnd, oldest = kEnd;
    u32 pages = 0;
  };
  u32 index(GuestFrame frame) const { return frame.number() - first_; }
  void link(u32 page, ListNumber list);
  void unlink(u32 page);

  u32 first_ = 0;
  std::vector<Page> pages_;
  Ends lists_[2];
};

}  // namespace guest
