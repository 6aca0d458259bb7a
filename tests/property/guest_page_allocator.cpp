// The page allocator against a naive buddy allocator, written from its rules: lists as lists, buddies looked for in
// them, every frame of a new machine given back one by one. Which frame comes next must be the same every time. And
// what a history leaves behind.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <list>
#include <optional>
#include <vector>

#include "sim/random.h"
#include "support/xen_kernel.h"
#include "workloads/kernel/history.h"
#include "workloads/kernel/page_allocator.h"
#include "workloads/kernel/path.h"

namespace {

using guest::GuestFrame;
using guest::PageAllocator;
using guest::PageUse;
using guest::SystemCalls;
using guest::u32;
using model::Task;

class NaiveZone {
 public:
  NaiveZone(u32 begin, u32 end) : begin_{begin}, end_{end} {
    for (u32 frame = begin; frame < end; ++frame) give(frame, 0);
  }
  std::optional<u32> take() {
    for (u32 order = 0; order < lists_.size(); ++order) {
      if (lists_[order].empty()) continue;
      u32 frame = lists_[order].front();
      lists_[order].pop_front();
      for (u32 half = order; half-- > 0; frame += 1u << half) lists_[half].push_front(frame);
      --free_;
      return frame;
    }
    return std::nullopt;
  }
  void give(u32 frame) { give(frame, 0); }
  bool contains(u32 frame) const { return frame >= begin_ && frame < end_; }
  u32 free() const { return free_; }

 private:
  void give(u32 frame, u32 order) {
    if (order == 0) ++free_;
    const u32 size = 1u << order;
    const u32 buddy = frame / size % 2 == 0 ? frame + size : frame - size;
    std::list<u32>& list = lists_[order];
    const auto found = std::find(list.begin(), list.end(), buddy);
    if (order + 1 < lists_.size() && found != list.end()) {
      list.erase(found);
      give(std::min(frame, buddy), order + 1);
    } else {
      list.push_front(frame);
    }
  }

  u32 begin_, end_, free_ = 0;
  std::array<std::list<u32>, 10> lists_;
};

struct Naive {
  Naive(u32 first, u32 frames, u32 low_end) : low{first, low_end}, high{low_end, first + frames} {}
  std::optional<u32> take(PageUse use) {
    if (use == PageUse::user && high.free() > 0) return high.take();
    return low.take();
  }
  void give(u32 frame) { (low.contains(frame) ? low : high).give(frame); }
  NaiveZone low, high;
};

u32 next(PageAllocator& pages, PageUse use = PageUse::kernel) {
  const std::optional<GuestFrame> frame = pages.take(use);
  REQUIRE(frame);
  return frame->number();
}

std::vector<u32> next(PageAllocator& pages, int times) {
  std::vector<u32> frames;
  for (int i = 0; i < times; ++i) frames.push_back(next(pages));
  return frames;
}

void give(PageAllocator& pages, std::initializer_list<u32> frames) {
  for (const u32 frame : frames) pages.give(GuestFrame{frame});
}

using Frames = std::vector<u32>;
constexpr GuestFrame kAllLow{1u << 20};

std::vector<u32> after(const guest::HistoryShape& shape, std::uint64_t seed, u32 frames, int taken) {
  PageAllocator pages{GuestFrame{1000}, frames, kAllLow};
  guest::History history;
  history.pass(pages, shape, sim::Random{seed}.stream("history"));
  return next(pages, taken);
}

}  // namespace

TEST_CASE("on a new machine frames come from the top downwards, block by block") {
  PageAllocator pages{GuestFrame{0}, 1024 + 4, kAllLow};
  CHECK(next(pages, 4) == Frames{1027, 1026, 1025, 1024});  // the smallest block first
  for (u32 frame = 1024; frame-- > 0;) CHECK(next(pages) == frame);
  CHECK_FALSE(pages.take(PageUse::user));
}

TEST_CASE("what was given back last is taken first, unless its buddy is free: then both are a block of two") {
  PageAllocator pages{GuestFrame{0}, 16, kAllLow};
  CHECK(next(pages, 6) == Frames{15, 14, 13, 12, 11, 10});
  give(pages, {15, 13, 11});
  CHECK(next(pages, 3) == Frames{11, 13, 15});
  give(pages, {15, 14, 11});  // 14 and 15 are one, and larger than 11; 8 and 9 are a block of two already
  CHECK(next(pages, 3) == Frames{11, 15, 14});
  give(pages, {12, 13, 14, 15, 10});  // one block of four
  CHECK(next(pages, 3) == Frames{10, 9, 8});
  CHECK(next(pages, 4) == Frames{15, 14, 13, 12});
}

TEST_CASE("a frame is free when its last user has given it back") {
  PageAllocator pages{GuestFrame{0}, 16, kAllLow};
  const GuestFrame frame{next(pages)};
  pages.share(frame);
  pages.give(frame);
  CHECK(pages.free_frames() == 15);
  CHECK(pages.users(frame) == 1);
  pages.give(frame);
  CHECK(pages.free_frames() == 16);
  CHECK(next(pages) == frame.number());
}

TEST_CASE("any sequence of taking and giving back takes the frames that a naive allocator takes") {
  struct Memory {
    u32 first, frames, low_end;
  };
  for (const Memory memory : {Memory{0, 512, 512}, Memory{37, 3000, 3037}, Memory{600, 2500, 1537}, Memory{5, 3, 8}}) {
    CAPTURE(memory.first);
    auto random = sim::Random{7}.stream("operations");
    PageAllocator pages{GuestFrame{memory.first}, memory.frames, GuestFrame{memory.low_end}};
    Naive naive{memory.first, memory.frames, memory.low_end};
    std::vector<u32> taken;
    for (int i = 0; i < 30'000; ++i) {
      // Long phases of more and of less.
      const bool take = random.below(100) < (i / 5'000 % 2 == 0 ? 60 : 40);
      if (take || taken.empty()) {
        const PageUse use = random.chance(1, 4) ? PageUse::kernel : PageUse::user;
        const std::optional<GuestFrame> frame = pages.take(use);
        const std::optional<u32> expected = naive.take(use);
        REQUIRE(frame.has_value() == expected.has_value());
        if (!frame) continue;
        REQUIRE(frame->number() == *expected);
        REQUIRE(pages.users(*frame) == 1);
        taken.push_back(*expected);
      } else {
        std::swap(taken[random.below(taken.size())], taken.back());
        pages.give(GuestFrame{taken.back()});
        naive.give(taken.back());
        taken.pop_back();
      }
      REQUIRE(pages.free_frames() == memory.frames - taken.size());
      REQUIRE(pages.free_frames(PageUse::kernel) == naive.low.free());
      if (i % 500 == 0) REQUIRE(pages.audit().value_or("right") == "right");
    }
  }
}

TEST_CASE("a history leaves the memory full of files, and as few pages free as kswapd does") {
  const guest::HistoryShape shape = guest::KernelFile::linux24().history;
  PageAllocator pages{GuestFrame{1000}, 65'536, kAllLow};
  guest::History history;
  history.pass(pages, shape, sim::Random{1}.stream("history"));
  const u32 kept = shape.kept_user_pages + shape.kept_kernel_pages;
  const u32 of_processes = shape.alive * (8 * shape.user_pages + shape.kernel_pages);  // the last ones', free again
  CHECK(pages.least_free(PageUse::user) == 255);
  CHECK(pages.free_frames() > 2 * 255);
  CHECK(pages.free_frames() <= 3 * 255 + 32 + of_processes);
  CHECK(pages.frames() - pages.free_frames() == history.cached_pages() + kept);
  CHECK(pages.lists().inactive_pages() + pages.lists().active_pages() == history.cached_pages());
  CHECK(pages.lists().active_pages() > history.cached_pages() / 4);  // used again
  CHECK(pages.audit().value_or("right") == "right");
}

TEST_CASE("of 15 MB no more than an eighth is kept for good, the rest is free or files") {
  constexpr u32 kFrames = 3500;
  const guest::HistoryShape shape = guest::KernelFile::linux24().history;
  PageAllocator pages{GuestFrame{340}, kFrames, kAllLow};
  guest::History history;
  history.pass(pages, shape, sim::Random{1}.stream("history"));
  CHECK(pages.free_frames() + history.cached_pages() >= kFrames - kFrames / 8);
  CHECK(history.cached_pages() > kFrames / 2);
}

// Of the next 200 pages, those that lie beside the one before them.
int beside(const guest::HistoryShape& shape, std::uint64_t seed) {
  const std::vector<u32> frames = after(shape, seed, 65'536, 200);
  int neighbours = 0;
  for (std::size_t i = 1; i < frames.size(); ++i)
    neighbours += std::max(frames[i], frames[i - 1]) - std::min(frames[i], frames[i - 1]) == 1;
  return neighbours;
}

TEST_CASE("on a new machine free pages come in a row, after a history hardly any lies beside the one before") {
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    CAPTURE(seed);
    CHECK(beside({}, seed) > 190);  // but where blocks end
    CHECK(beside(guest::KernelFile::linux24().history, seed) < 50);
  }
}

TEST_CASE(
    "a history that is remembered leaves what it left when it was gone through, and only for the same beginning") {
  const guest::HistoryShape shape = guest::KernelFile::linux24().history;
  constexpr u32 kFrames = 8192;
  const auto state = [&](std::uint64_t seed, const char* stream, int taken_before, u32 alive) {
    guest::HistoryShape own = shape;
    own.alive = alive;
    PageAllocator pages{GuestFrame{1000}, kFrames, kAllLow};
    next(pages, taken_before);
    guest::History history;
    history.pass(pages, own, seed, stream);
    REQUIRE(pages.audit().value_or("right") == "right");
    std::vector<u32> seen{history.cached_pages()};
    for (int i = 0; i < 100; ++i) {  // and what it gives up next
      const GuestFrame oldest = *pages.lists().next_inactive();
      REQUIRE(history.caches(pages.lists().owner(oldest)));
      seen.push_back(oldest.number());
      history.give_up(pages, oldest);
      seen.push_back(next(pages));
    }
    return seen;
  };
  const std::vector<u32> first = state(1, "a", 10, 4);
  CHECK(state(1, "a", 10, 4) == first);
  CHECK(state(2, "a", 10, 4) != first);
  CHECK(state(1, "b", 10, 4) != first);
  CHECK(state(1, "a", 11, 4) != first);
  CHECK(state(1, "a", 10, 5) != first);
  CHECK(state(1, "a", 10, 4) == first);
}

TEST_CASE("which pages are free depends on the seed, and on nothing when there was no history") {
  const guest::HistoryShape shape = guest::KernelFile::linux24().history;
  CHECK(after(shape, 1, 65'536, 200) == after(shape, 1, 65'536, 200));
  CHECK(after(shape, 1, 65'536, 200) != after(shape, 2, 65'536, 200));
  CHECK(after({}, 1, 65'536, 200) == after({}, 2, 65'536, 200));
}

TEST_CASE("a process that wants more than is free gets the pages of files from before, and none that is kept") {
  u32 before = 0, left = 0;
  test::XenKernel host{{[&](SystemCalls& calls) -> Task<> {
    const guest::Kernel& kernel = calls.kernel();
    before = kernel.history().cached_pages();
    guest::Mapping mapping;
    mapping.bytes = (kernel.pages().free_frames() + before / 2) * 4096;
    mapping.protection = {.write = true};
    const u32 address = co_await calls.map(mapping);
    co_await calls.access(model::Sweep{address, mapping.bytes, model::Use::write});
    left = kernel.history().cached_pages();
  }}};
  host.run();
  CHECK(host.audit().value_or("right") == "right");
  CHECK(before > 3'000);
  CHECK(left > 0);
  CHECK(left < before / 2);
  CHECK(host.kernel().reclaim().out_of_memory().kills() == 0);
}
