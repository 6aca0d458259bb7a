#include "workloads/kernel/history.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace guest {

namespace {

constexpr u32 kKeptShare = 8;  // one such part of the memory

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
  const auto take = [&](PageUse use) -> std::optional<GuestFrame> {
    make_room(pages, use);
    return pages.free_frames(use) > pages.least_free(use) ? pages.take(use) : std::nullopt;
  };
  const u32 kept = std::max(shape.kept_user_pages + shape.kept_kernel_pages, 1u);
  const u32 most_kept = std::min(pages.frames() / kKeptShare, kept);
  Inflow files{static_cast<u32>(u64{pages.frames()} * shape.files_read / 1000), shape.file_run};
  Inflow kept_user{static_cast<u32>(u64{most_kept} * shape.kept_user_pages / kept), 1};
  Inflow kept_kernel{static_cast<u32>(u64{most_kept} * shape.kept_kernel_pages / kept), 1};

  u32 reused = 0;
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
        for (reused += shape.files_reused; reused >= 1000; reused -= 1000)
          use_again(pages, GuestFrame{pages.first().number() + static_cast<u32>(random.below(pages.frames()))});
      }
      for (u32 due = kept_user.due(own); due > 0; --due) take(PageUse::user);
      for (u32 due = kept_kernel.due(own); due > 0; --due) take(PageUse::kernel);
    }
  }
  for (std::vector<GuestFrame>& process : alive) end(process);
}

void History::pass(PageAllocator& pages, const HistoryShape& shape, u64 seed, const std::string& stream) {
  struct Past {
    u64 before, seed;
    std::string stream;
    HistoryShape shape;
    PageAllocator pages;
    u32 cached_pages;
  };
  constexpr u32 kMostFrames = 1u << 20;  // in all that is remembered: some 50 MB
  thread_local std::vector<Past> pasts;
  thread_local u32 frames = 0;
  for (const Past& past : pasts) {
    if (past.before != pages.past() || past.seed != seed || past.stream != stream || past.shape != shape) continue;
    pages = past.pages;
    cached_pages_ = past.cached_pages;
    return;
  }
  const u64 before = pages.past();
  pass(pages, shape, sim::Random{seed}.stream(stream));
  if (frames + pages.frames() > kMostFrames) {
    pasts.clear();
    frames = 0;
  }
  frames += pages.frames();
  pasts.push_back({before, seed, stream, shape, pages, cached_pages_});
}

void History::cache(PageAllocator& pages, GuestFrame frame) {
  pages.lists().add(frame, &file_);
  pages.lists().mark_used(frame);  // by whoever had it read
  ++cached_pages_;
}

void History::use_again(PageAllocator& pages, GuestFrame frame) {
  if (caches(pages.lists().owner(frame))) pages.lists().mark_used(frame);
}

void History::make_room(PageAllocator& pages, PageUse use) {
  const u32 least = pages.least_free(use);
  if (pages.free_frames(use) > 2 * least) return;
  const auto give_up_one = [&](GuestFrame frame) {
    if (!caches(pages.lists().owner(frame)) || (use == PageUse::kernel && !pages.low(frame))) return false;
    give_up(pages, frame);
    return true;
  };
  while (pages.free_frames(use) <= 3 * least && pages.lists().reclaim(kReclaimBatch, give_up_one) > 0) {
  }
}

void History::give_up(PageAllocator& pages, GuestFrame frame) {
  --cached_pages_;
  pages.give(frame);
}

}  // namespace guest
