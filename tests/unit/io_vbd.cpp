// Where the sectors of a VBD lie on the disk, against a list of them all.
#include "io/vbd.h"

#include <doctest/doctest.h>

#include <random>
#include <vector>

using namespace hv;

TEST_CASE("a VBD's sectors are its extents one after the other, whatever part of it is asked for") {
  std::mt19937 random{1};
  for (int round = 0; round < 300; ++round) {
    Vbd vbd;
    std::vector<u64> sectors;
    vbd.extent_count = static_cast<u32>(random() % (kMaxExtents + 1));
    for (u32 i = 0; i < vbd.extent_count; ++i) {
      vbd.extents[i] = {random() * u64{1'000}, 1 + random() % 20};
      for (u64 k = 0; k < vbd.extents[i].sectors; ++k) sectors.push_back(vbd.extents[i].sector + k);
    }
    REQUIRE(vbd.sectors() == sectors.size());
    for (u64 first = 0; first <= sectors.size(); ++first) {
      for (const u64 count : {1, 7, 30, 96}) {
        Extent parts[kMaxExtents];
        const u32 number = vbd.translate({first, count}, parts);
        REQUIRE((number != 0) == (first + count <= sectors.size()));
        u64 next = first;
        for (u32 i = 0; i < number; ++i)
          for (u64 k = 0; k < parts[i].sectors; ++k) REQUIRE(parts[i].sector + k == sectors[next++]);
        if (number != 0) REQUIRE(next == first + count);
      }
    }
  }
}

TEST_CASE("sectors beyond 2^64 do not wrap to the first") {
  Vbd vbd;
  vbd.extent_count = 1;
  vbd.extents[0] = {100, 50};
  Extent parts[kMaxExtents];
  CHECK(vbd.translate({~u64{0}, 1}, parts) == 0);
  CHECK(vbd.translate({~u64{0} - 3, 8}, parts) == 0);
  CHECK(vbd.translate({50, 1}, parts) == 0);
  CHECK(vbd.translate({49, 1}, parts) == 1);
}

TEST_CASE("a plain write waits for a barrier, a barrier for every write, and everybody for those who wait") {
  Vbd vbd;
  constexpr auto kWrite = BlockRequestOp::write, kBarrier = BlockRequestOp::write_barrier;
  CHECK_FALSE(vbd.must_wait(kWrite));
  CHECK_FALSE(vbd.must_wait(kBarrier));
  vbd.writes = 1;
  CHECK_FALSE(vbd.must_wait(kWrite));
  CHECK(vbd.must_wait(kBarrier));
  WaitingWrite waiting;
  vbd.waiting.push_back(waiting);
  CHECK(vbd.must_wait(kWrite));
  vbd.waiting.remove(waiting);
  vbd.barrier = true;
  CHECK(vbd.must_wait(kWrite));
  CHECK(vbd.must_wait(kBarrier));
}
