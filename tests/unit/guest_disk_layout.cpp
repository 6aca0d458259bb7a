// Where things are on the disk, and how far a file is read ahead.
#include <doctest/doctest.h>

#include <set>

#include "sim/random.h"
#include "workloads/kernel/disk_layout.h"
#include "workloads/kernel/read_ahead.h"

namespace {

using guest::BlockMap;
using guest::BlockNumber;
using guest::DiskLayout;
using guest::ReadAhead;
using guest::u32;
using guest::u64;

constexpr u64 kGibibyte = 262'144;  // blocks
constexpr u32 kGroup = 32'768;

}  // namespace

TEST_CASE(
    "8 GB are 64 groups of 128 MB; bitmaps and inode table begin each, behind a copy of the super block in some") {
  const DiskLayout layout{8 * kGibibyte};
  CHECK(layout.groups() == 64);
  CHECK(layout.block_bitmap(0) == 2);  // super block, one block of group descriptors
  CHECK(layout.inode_bitmap(0) == 3);
  CHECK(layout.inode_table({0, 0}) == 4);
  CHECK(layout.inode_table({0, 31}) == 4);
  CHECK(layout.inode_table({0, 32}) == 5);
  CHECK(layout.block_bitmap(1) == kGroup + 2);
  CHECK(layout.block_bitmap(2) == 2 * kGroup);
  CHECK(layout.block_bitmap(9) == 9 * kGroup + 2);
  CHECK(layout.block_bitmap(10) == 10 * kGroup);
  CHECK(layout.journal_blocks() == 8192);  // 32 MB
  CHECK(layout.journal_start() == 4 + 512);
}

TEST_CASE("a block is taken at its goal, else behind it; a file that grows alone lies in one piece") {
  DiskLayout layout{2 * kGibibyte};
  const BlockNumber first = layout.allocate(layout.first_of(5)).value();
  CHECK(first == 5 * kGroup + 2 + 2 + 512);  // behind copies, bitmaps and inode table
  for (u32 i = 1; i < 1000; ++i) CHECK(layout.allocate(first + i) == first + i);
  CHECK(layout.allocate(first) == first + 1000);
  layout.free(first + 10);
  CHECK(layout.allocate(first + 8) == first + 10);
}

TEST_CASE("every block is given away once, the last ones too, and what is freed is free again") {
  DiskLayout layout{40'000};  // a group and a piece of one
  auto random = sim::Random{1}.stream("goals");
  std::set<BlockNumber> taken;
  const u32 free_blocks = layout.free_blocks();
  while (const auto block = layout.allocate(static_cast<BlockNumber>(random.below(40'000)))) {
    REQUIRE(*block < 40'000);
    REQUIRE(taken.insert(*block).second);
    if (random.chance(1, 4)) {
      layout.free(*taken.begin());
      taken.erase(taken.begin());
    }
  }
  CHECK(layout.free_blocks() == 0);
  CHECK(taken.size() == free_blocks);
  for (u32 block = 0; block < layout.journal_start() + layout.journal_blocks(); ++block) CHECK(!taken.contains(block));
  for (const BlockNumber block : taken) layout.free(block);
  CHECK(layout.free_blocks() == free_blocks);
}

TEST_CASE("a file's blocks are found by page, in pieces and with holes") {
  BlockMap map;
  map.add(0, 100);
  map.add(1, 101);
  map.add(2, 200);
  map.add(10, 208);
  map.add(9, 50);
  CHECK(map.size() == 5);
  CHECK(map.at(1) == 101);
  CHECK(map.at(2) == 200);
  CHECK(!map.at(3));
  CHECK(map.at(9) == 50);
  CHECK(map.at(10) == 208);
  CHECK(!map.at(11));
  CHECK(!map.before(0));
  CHECK(map.before(9) == 200);
  CHECK(map.before(1'000) == 208);
  CHECK(map.runs().size() == 4);
}

TEST_CASE("reading on, 4 KB a call, reads 3 pages ahead, then 7, 13, 25 and always 32; jumping about reads 2") {
  ReadAhead ahead;
  std::set<u32> read;
  std::vector<u32> windows;
  for (u32 page = 0; page < 160; ++page) {
    ahead.begin(page * 4096, 4096);
    const bool waits = !read.contains(page);
    read.insert(page);
    const ReadAhead::Window window = ahead.next(page, waits, 10'000);
    if (window.pages > 0) windows.push_back(window.pages);
    for (u32 i = 0; i < window.pages; ++i) CHECK(read.insert(window.first + i).second);  // no page twice
  }
  CHECK(windows == std::vector<u32>{3, 7, 13, 25, 32, 32, 32, 32, 32});

  for (const u32 page : {5'000u, 70u, 4'000u}) {
    ahead.begin(page * 4096, 4096);
    CHECK(ahead.next(page, true, 10'000).pages == 2);  // those that a call of this length could touch, and one
  }
}

TEST_CASE("nothing is read beyond the end of a file, nor for a look at its first half page") {
  ReadAhead ahead;
  ahead.begin(0, 100);
  CHECK(ahead.next(0, true, 100).pages == 0);
  ReadAhead whole;
  whole.begin(0, 128 * 1024);
  CHECK(whole.next(0, true, 3).pages == 2);
}
