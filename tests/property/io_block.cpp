// Random block traffic of honest guests and a hostile one, with a disk that ends commands in any order, caches or does
// not, and has bad sectors; domains die in the midst of it. The checker is support/block_traffic.cpp.
#include <doctest/doctest.h>

#include "support/block_traffic.h"

TEST_CASE("under random traffic every rule of the block path holds at the medium") {
  test::TrafficCounts counts;
  for (unsigned seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    CHECK(test::block_traffic(seed, 2500, counts) == "");
  }
  MESSAGE(counts.answered, " requests answered, ", counts.failed, " on bad sectors, ", counts.barriers,
          " barriers, passed by ", counts.passed, " writes of others; ", counts.refused, " refused to the hostile; ",
          counts.reads_checked, " sectors read and checked; ", counts.destroyed, " domains destroyed");
  CHECK(counts.answered > 10'000);
  CHECK(counts.failed > 100);
  CHECK(counts.barriers > 1'000);
  CHECK(counts.passed > 1'000);
  CHECK(counts.refused > 1'000);
  CHECK(counts.reads_checked > 1'000);
  CHECK(counts.destroyed > 10);
}
