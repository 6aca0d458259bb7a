// Random block traffic of several domains, one of them hostile, checked against the rules of docs/disk.md.
//
// Each write puts a number of its own into the sectors it writes, so that the checker knows from the medium alone which
// request got there, and when at the earliest and at the latest. It knows nothing of the core's tables.
#pragma once

#include <string>

#include "base/types.h"

namespace test {

struct TrafficCounts {
  hv::u64 answered = 0, refused = 0, failed = 0, barriers = 0, reads_checked = 0, destroyed = 0;
  hv::u64 passed = 0;  // writes of others that began and ended while a barrier waited or was written
};

// The first rule that was broken, or "".
std::string block_traffic(hv::u32 seed, hv::u32 steps, TrafficCounts& counts);

}  // namespace test
