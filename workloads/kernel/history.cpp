#include "workloads/kernel/history.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace guest {

namespace {

constexpr u32 kFileShare = 4, kKeptShare = 8, kFreeShare = 4;  // one such part of the memory

// Pages that come in, so many at a time, spread evenly over the processes and over the pages of each.
struct Inflow {
  u32 pages, at_a_time;
  u32 assigned = 0, with_this = 0;  // to processes so far; to the present one
  u32 fraction = 0, pending = 0;

  void next_process(u64 before, u64 all) {
    with_this = static_cast<u32>(pages * (before + 1) / all) - assigned;
    assigned += with_this;
  }
  // How many with the next of its `own` pages.
  u32 due(u32 own) {
    for (fraction += with_this; fraction >= own; fraction -= own) ++pending;
    return pending < at_a_time ? 0 : std::exchange(pending, 0);
  }
};

}  // namespace

void History::pass(PageAllocator& pages, const HistoryShape& shape, sim::RandomStream random) {
  // What is left must be enough for whoever comes.
  const auto take = [&](PageUse use) -> std::optional<GuestFrame> {
    if (pages.free_frames(use) <= pages.frames(use) / kFreeShare) return std::nullopt;
    return pages.take(use);
  };
  const u32 kept = std::max(shape.kept_user_pages + shape.kept_kernel_pages, 1u);
  const u32 most_kept = std::min(pages.frames() / kKeptShare, kept);
  Inflow files{std::min(shape.file_pages, pages.frames() / kFileShare), shape.file_run};
  Inflow kept_user{static_cast<u32>(u64{most_kept} * shape.kept_user_pages / kept), 1};
  Inflow kept_kernel{static_cast<u32>(u64{most_kept} * shape.kept_kernel_pages / kept), 1};

  std::vector<std::vector<GuestFrame>> alive(std::max(shape.alive, 1u));
  const auto end = [&](std::vector<GuestFrame>& process) {
    for (const GuestFrame page : process) pages.give(page);
    process.clear();
  };
  for (u32 i = 0; i < shape.processes; ++i) {
    std::vector<GuestFrame>& process = alive[random.below(alive.size())];
    end(process);
    for (u32 n = 0; n < shape.kernel_pages; ++n) {
      if (const auto page = take(PageUse::kernel)) process.push_back(*page);
    }
    const u32 own = 1 + static_cast<u32>(random.exponential(shape.user_pages));
    for (Inflow* inflow : {&files, &kept_user, &kept_kernel}) inflow->next_process(i, shape.processes);
    for (u32 n = 0; n < own; ++n) {
      if (const auto page = take(PageUse::user)) process.push_back(*page);
      for (u32 due = files.due(own); due > 0; --due) {
        if (const auto page = take(PageUse::user)) cache(pages, *page);
      }
      for (u32 due = kept_user.due(own); due > 0; --due) take(PageUse::user);
      for (u32 due = kept_kernel.due(own); due > 0; --due) take(PageUse::kernel);
    }
  }
  for (std::vector<GuestFrame>& process : alive) end(process);
}

void History::cache(PageAllocator& pages, GuestFrame frame) {
  pages.lists().add(frame, &file_);
  ++cached_pages_;
}

void History::give_up(PageAllocator& pages, GuestFrame frame) {
  --cached_pages_;
  pages.give(frame);
}

}  // namespace guest
