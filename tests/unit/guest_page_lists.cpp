// The lists of pages that can be reclaimed, and who is killed when nothing can.
#include <doctest/doctest.h>

#include "workloads/kernel/out_of_memory.h"
#include "workloads/kernel/page_lists.h"

namespace {

using guest::GuestFrame;
using guest::PageLists;
using guest::u32;
using guest::u64;

PageLists with_pages(u32 pages) {
  PageLists lists{GuestFrame{100}, pages};
  for (u32 i = 0; i < pages; ++i) lists.add(GuestFrame{100 + i}, nullptr);
  return lists;
}

guest::Process process_of(u32 pages) {
  guest::Process process{1, "process"};
  process.user = 500;
  process.space = std::make_shared<guest::AddressSpace>();
  process.space->areas.emplace(0x1000, guest::Area{.start = 0x1000, .end = 0x1000 + pages * 4096});
  return process;
}

constexpr u64 kSecond = 128;  // ticks, as the score counts them

}  // namespace

TEST_CASE("pages come off the inactive list in the order in which they were added, and round again") {
  PageLists lists = with_pages(3);
  for (const u32 expected : {100u, 101u, 102u, 100u}) CHECK(lists.next_inactive() == GuestFrame{expected});
  lists.remove(GuestFrame{101});
  for (const u32 expected : {102u, 100u, 102u}) CHECK(lists.next_inactive() == GuestFrame{expected});
  CHECK(lists.inactive_pages() == 2);
  CHECK_FALSE(lists.listed(GuestFrame{101}));
}

TEST_CASE("a page is active from its second use on, and no longer once it was not used between two looks") {
  PageLists lists = with_pages(4);
  lists.mark_used(GuestFrame{101});
  CHECK_FALSE(lists.active(GuestFrame{101}));
  lists.mark_used(GuestFrame{101});
  CHECK(lists.active(GuestFrame{101}));
  lists.mark_used(GuestFrame{101});  // while it is active
  lists.refill_inactive(1);
  CHECK(lists.active(GuestFrame{101}));
  lists.refill_inactive(1);
  CHECK_FALSE(lists.active(GuestFrame{101}));
  CHECK(lists.inactive_pages() == 4);
  lists.mark_used(GuestFrame{101});  // one use is enough for who was there before
  CHECK(lists.active(GuestFrame{101}));
}

TEST_CASE("the score of a process is its pages, less by the roots of its CPU time and of its age") {
  guest::Process process = process_of(12'000);
  CHECK(guest::OutOfMemory::score(process, 0) == 12'000);
  process.cpu_ticks = 36 * 8 * kSecond;  // 36 units of about 10 s: a sixth
  CHECK(guest::OutOfMemory::score(process, 0) == 2000);
  CHECK(guest::OutOfMemory::score(process, 16 * 1024 * kSecond) == 1000);  // 16 units of about 1000 s: half of it
}

TEST_CASE("nice ones count twice, root's a quarter, and kernel threads and zombies not at all") {
  guest::Process process = process_of(4000);
  process.nice = 5;
  CHECK(guest::OutOfMemory::score(process, 0) == 8000);
  process.nice = 0;
  process.user = guest::kSuperUser;
  CHECK(guest::OutOfMemory::score(process, 0) == 1000);
  process.state = guest::Process::State::zombie;
  CHECK(guest::OutOfMemory::score(process, 0) == 0);
  process.state = guest::Process::State::runnable;
  process.space = nullptr;
  CHECK(guest::OutOfMemory::score(process, 0) == 0);
}
