// The test of the test of the block path: each rule of the core left out once, and the random traffic must notice.
#include <doctest/doctest.h>

#include <iterator>
#include <string>

#include "base/planted.h"
#include "support/block_traffic.h"

namespace {

struct Planted {
  hv::Fault fault;
  const char* name;
};
#define FAULT(name) \
  Planted { hv::Fault::name, #name }
constexpr Planted kFaults[] = {
    FAULT(read_only_written), FAULT(beyond_extent),  FAULT(read_into_any_type),    FAULT(block_frames_kept),
    FAULT(barrier_early),     FAULT(barrier_passed), FAULT(barrier_without_flush), FAULT(overlap_unordered),
};
#undef FAULT
static_assert(static_cast<std::size_t>(hv::Fault::read_only_written) + std::size(kFaults) ==
              static_cast<std::size_t>(hv::Fault::count));

}  // namespace

TEST_CASE("every rule of the block path that is left out is found by the traffic") {
  for (const Planted& planted : kFaults) {
    INFO(std::string{planted.name});
    hv::planted_fault = planted.fault;
    test::TrafficCounts counts;
    std::string found;
    unsigned seed = 0;
    while (found.empty() && seed < 60) found = test::block_traffic(++seed, 2500, counts);
    CHECK(found != "");
    MESSAGE(std::string{planted.name}, ", after ", seed, " runs: ", found);
  }
  hv::planted_fault = hv::Fault::none;
}

TEST_CASE("with no fault planted this build of the core is in order") {
  hv::planted_fault = hv::Fault::none;
  test::TrafficCounts counts;
  for (unsigned seed = 1; seed <= 5; ++seed) CHECK(test::block_traffic(seed, 2500, counts) == "");
}
