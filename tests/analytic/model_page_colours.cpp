// How much of a working set misses because its pages fall on random colours: binomial, by formula.
//
// n pages of random frames in a cache of k colours and w ways, gone through in a circle: a colour with more than w
// pages misses on all of them (least recently used), one with w or fewer on none. A colour gets B(n, 1/k) pages.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "model/l2_cache.h"
#include "sim/random.h"

namespace {

constexpr std::uint32_t kPage = 4096, kLine = 64, kWays = 8, kColours = 16;  // of 512 kB

double expected_misses(int pages) {
  double binomial = std::pow(1.0 - 1.0 / kColours, pages);  // P(0 pages)
  double overfull = 0;
  for (int i = 0; i <= pages; ++i) {
    if (i > static_cast<int>(kWays)) overfull += i * binomial;
    binomial *= static_cast<double>(pages - i) / (i + 1) / (kColours - 1);
  }
  return overfull * kColours / pages;
}

double measured_misses(int pages, sim::RandomStream& random) {
  constexpr int kPlacements = 200;
  std::uint64_t misses = 0;
  for (int placement = 0; placement < kPlacements; ++placement) {
    model::L2Cache cache{kPage * kWays * kColours, kLine, kWays};
    std::vector<std::uint32_t> frames;
    for (int i = 0; i < pages; ++i) frames.push_back(static_cast<std::uint32_t>(random.below(1 << 19)));
    std::uint64_t warm = 0;
    for (int lap = 0; lap < 3; ++lap) {
      if (lap == 2) warm = cache.misses();
      for (const std::uint32_t frame : frames) {
        for (std::uint32_t at = 0; at < kPage; at += 8 * kLine) cache.access(frame * kPage + at);
      }
    }
    misses += cache.misses() - warm;
  }
  return static_cast<double>(misses) / kPlacements / pages / (kPage / (8 * kLine));
}

}  // namespace

TEST_CASE("the share of misses of pages on random colours is what the binomial distribution says") {
  sim::RandomStream random = sim::Random{3}.stream("colours");
  for (const int pages : {32, 64, 96, 128, 160, 256}) {
    const double expected = expected_misses(pages), measured = measured_misses(pages, random);
    CAPTURE(pages);
    CAPTURE(expected);
    CAPTURE(measured);
    CHECK(std::abs(measured - expected) < 0.02);
  }
  CHECK(expected_misses(128) == doctest::Approx(0.55).epsilon(0.1));  // a working set that just fits loses half
}
