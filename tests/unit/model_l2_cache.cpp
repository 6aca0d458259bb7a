// The second-level cache, line by line, against a list of lines per set.
#include "model/l2_cache.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <list>
#include <map>
#include <vector>

#include "sim/random.h"

namespace {

constexpr std::uint32_t kBytes = 4096, kLine = 64, kWays = 4;  // 16 sets

// Sets as lists, most recently used first.
class Reference {
 public:
  explicit Reference(std::uint32_t ways) : ways_{ways} {}
  bool access(std::uint32_t address) {
    const std::uint32_t line = address / kLine;
    std::list<std::uint32_t>& set = set_of(line);
    const std::size_t before = set.size();
    set.remove(line);
    const bool hit = set.size() != before;
    set.push_front(line);
    if (set.size() > ways_) set.pop_back();
    return hit;
  }
  void drop(std::uint32_t address) { set_of(address / kLine).remove(address / kLine); }

 private:
  std::list<std::uint32_t>& set_of(std::uint32_t line) { return sets_[line % (kBytes / kLine / ways_)]; }

  std::uint32_t ways_;
  std::map<std::uint32_t, std::list<std::uint32_t>> sets_;
};

}  // namespace

TEST_CASE("a line is missed once and then hit, wherever in it the access is") {
  model::L2Cache cache{kBytes, kLine, kWays};
  CHECK_FALSE(cache.access(128));
  CHECK(cache.access(128));
  CHECK(cache.access(191));
  CHECK_FALSE(cache.access(192));
  CHECK(cache.hits() == 2);
  CHECK(cache.misses() == 2);
}

TEST_CASE("a fifth line of one set of four displaces the one that was not used for longest") {
  model::L2Cache cache{kBytes, kLine, kWays};
  constexpr std::uint32_t kNextInSet = kBytes / kWays;
  for (std::uint32_t i = 0; i < 4; ++i) cache.access(i * kNextInSet);
  CHECK(cache.access(0));                     // the first is the newest now
  CHECK_FALSE(cache.access(4 * kNextInSet));  // takes the place of the second
  CHECK(cache.access(0));
  CHECK_FALSE(cache.access(1 * kNextInSet));
}

TEST_CASE("a line that another CPU has written is missed, its neighbours are not") {
  model::L2Cache cache{kBytes, kLine, kWays};
  constexpr std::uint32_t kNextInSet = kBytes / kWays;
  for (std::uint32_t i = 0; i < 4; ++i) cache.access(i * kNextInSet);
  cache.drop(2 * kNextInSet);
  cache.drop(77 * kNextInSet);  // is not there
  CHECK(cache.access(0));
  CHECK(cache.access(1 * kNextInSet));
  CHECK(cache.access(3 * kNextInSet));
  CHECK_FALSE(cache.access(2 * kNextInSet));
}

TEST_CASE("a cyclic walk through one line more than the cache holds misses always") {
  model::L2Cache cache{kBytes, kLine, kWays};
  constexpr std::uint32_t kOver = kBytes + kBytes / kWays;  // one line more in every set
  for (int lap = 0; lap < 3; ++lap) {
    for (std::uint32_t at = 0; at < kOver; at += kLine) cache.access(at);
  }
  CHECK(cache.hits() == 0);
  CHECK(cache.misses() == 3 * kOver / kLine);
}

TEST_CASE("with one to sixteen ways, a hundred thousand random accesses and drops agree with lists per set") {
  for (const std::uint32_t ways : {1u, 2u, 4u, 8u, 16u}) {
    CAPTURE(ways);
    model::L2Cache cache{kBytes, kLine, ways};
    Reference reference{ways};
    sim::RandomStream random = sim::Random{7}.stream("l2");
    std::uint64_t hits = 0;
    for (int i = 0; i < 100'000; ++i) {
      const auto address = static_cast<std::uint32_t>(random.below(3 * kBytes));
      if (random.below(10) == 0) {
        cache.drop(address);
        reference.drop(address);
        continue;
      }
      const bool hit = reference.access(address);
      REQUIRE(cache.access(address) == hit);
      hits += hit ? 1 : 0;
    }
    CHECK(cache.hits() == hits);
    CHECK(hits > 20'000);
  }
}

TEST_CASE("sizes that are not powers of two are refused") {
  CHECK_THROWS(model::L2Cache(4000, 64, 4));
  CHECK_THROWS(model::L2Cache(4096, 60, 4));
  CHECK_THROWS(model::L2Cache(4096, 64, 3));
  CHECK_THROWS(model::L2Cache(128, 64, 4));
}
