#include "model/cache.h"

#include <doctest/doctest.h>

#include <cmath>

using model::BurstPlan, model::CacheFootprints, model::Footprint;
using sim::Cycles, sim::Duration;

namespace {

constexpr std::uint32_t kLines = 8192;  // 512 kB of 64 B
constexpr sim::Clock kClock{2'400'000'000};
constexpr Duration kRefill = Duration::picoseconds(44'500);  // 106.8 cycles

Footprint wants(std::uint32_t lines, std::uint32_t insertions_per_mcycle = 0) {
  return {.cache_lines = lines, .insertions_per_mcycle = insertions_per_mcycle};
}

// A whole burst; returns its plan.
BurstPlan run(CacheFootprints& cache, std::uint32_t owner, const Footprint& footprint, Cycles work) {
  const BurstPlan plan = cache.plan(owner, footprint, work);
  cache.ran(owner, footprint, plan, plan.total());
  return plan;
}

// So many lines of somebody who keeps none.
void insert(CacheFootprints& cache, std::uint32_t lines) { run(cache, 1000, wants(0, lines), Cycles{1'000'000}); }

}  // namespace

TEST_CASE("fixed-point exp(-x) is within 1e-8 of the true value everywhere") {
  double worst = 0;
  for (std::uint64_t x = 0; x < std::uint64_t{40} << 32; x += 12'345'677) {
    const double got = std::ldexp(static_cast<double>(model::exp_minus(x)), -32);
    worst = std::max(worst, std::abs(got - std::exp(-std::ldexp(static_cast<double>(x), -32))));
  }
  CHECK(worst < 1e-8);
  CHECK(model::exp_minus(0) == std::uint64_t{1} << 32);
  CHECK(model::exp_minus(~std::uint64_t{0}) == 0);
}

TEST_CASE("fixed-point exp(-x) has these bits with every compiler") {
  CHECK(model::exp_minus(std::uint64_t{1} << 32) == 1'580'030'169);  // 2^32 exp(-1) = 1580030168.7
  CHECK(model::exp_minus(std::uint64_t{1} << 31) == 2'605'029'348);  // 2^32 exp(-1/2) = 2605029346.9
  CHECK(model::exp_minus(std::uint64_t{10} << 32) == 194'991);       // 2^32 exp(-10) = 194991.4
}

TEST_CASE("a cold footprint is fetched line by line before the work") {
  CacheFootprints cache{kLines, kRefill, kClock};
  const BurstPlan plan = cache.plan(7, wants(1000), Cycles{1'000'000});
  CHECK(plan.lost_lines == 1000);
  CHECK(plan.stall == Cycles{106'800});
  CHECK(plan.total() == Cycles{1'106'800});
  CHECK(cache.resident(7) == 0);  // planning changes nothing
  cache.ran(7, wants(1000), plan, plan.total());
  CHECK(cache.resident(7) == 1000);
  CHECK(cache.lines_inserted() == 1000);
  CHECK(cache.plan(7, wants(1000), Cycles{5}).stall == Cycles{0});
}

TEST_CASE("after n insertions by others a footprint has exp(-n / C) of its lines") {
  for (const std::uint32_t inserted : {1u, 100u, 4096u, 8192u, 16'384u, 100'000u}) {
    CacheFootprints cache{kLines, kRefill, kClock};
    run(cache, 7, wants(1000), Cycles{1});
    insert(cache, inserted);
    const double expected = 1000 * std::exp(-static_cast<double>(inserted) / kLines);
    CHECK(cache.resident(7) == doctest::Approx(expected).epsilon(0).scale(0).epsilon(0.001 + 0.5 / expected));
  }
  CacheFootprints cache{kLines, kRefill, kClock};
  run(cache, 7, wants(1000), Cycles{1});
  insert(cache, 8192);
  CHECK(cache.resident(7) == 368);  // 1000 / e = 367.9
  CHECK(cache.plan(7, wants(1000), Cycles{1}).lost_lines == 632);
}

TEST_CASE("many small insertions displace as much as one large one") {
  CacheFootprints one{kLines, kRefill, kClock}, many{kLines, kRefill, kClock};
  run(one, 7, wants(8192), Cycles{1});
  run(many, 7, wants(8192), Cycles{1});
  insert(one, 5000);
  for (int i = 0; i < 5000; ++i) {
    insert(many, 1);
    many.resident(7);  // looking changes nothing
  }
  CHECK(one.resident(7) == 4450);  // 8192 exp(-5000/8192) = 4449.6
  CHECK(many.resident(7) == one.resident(7));
}

TEST_CASE("one's own steady insertions displace the others, not one's working set") {
  CacheFootprints cache{kLines, kRefill, kClock};
  run(cache, 1, wants(2000), Cycles{1});
  run(cache, 2, wants(100, 417), Cycles{12'000'000});  // 1 M lines/s for 5 ms: 5004 lines
  CHECK(cache.resident(2) == 100);
  CHECK(cache.lines_inserted() == 2000 + 100 + 5004);
  CHECK(cache.resident(1) == 1073);  // 2000 exp(-5104/8192) = 1072.6
}

TEST_CASE("two owners that alternate settle where each loses what the other's turn displaces") {
  constexpr std::uint32_t kFootprint = 5000;
  constexpr double kSteady = 1200;  // lines per turn: 100 per million cycles over 12 million
  CacheFootprints cache{kLines, kRefill, kClock};
  std::uint32_t lost = 0;
  for (int turn = 0; turn < 400; ++turn) {
    lost = run(cache, static_cast<std::uint32_t>(turn % 2), wants(kFootprint, 100), Cycles{12'000'000}).lost_lines;
  }
  double expected = 0;  // of lost = F (1 - exp(-(lost + steady) / C))
  for (int i = 0; i < 10'000; ++i) expected = kFootprint * (1 - std::exp(-(expected + kSteady) / kLines));
  CHECK(expected == doctest::Approx(1327.28).epsilon(0.001));
  CHECK(std::abs(lost - expected) <= 1);
}

TEST_CASE("what one turn loses rises with the number of owners in the rotation, towards the whole footprint") {
  std::uint32_t previous = 0;
  for (const std::uint32_t owners : {2u, 4u, 8u, 16u, 64u}) {
    CacheFootprints cache{kLines, kRefill, kClock};
    std::uint32_t lost = 0;
    for (std::uint32_t turn = 0; turn < owners * 100; ++turn) {
      lost = run(cache, turn % owners, wants(2000, 100), Cycles{12'000'000}).lost_lines;
    }
    double expected = 0;
    for (int i = 0; i < 10'000; ++i) expected = 2000 * (1 - std::exp(-(expected + 1200) * (owners - 1) / kLines));
    CAPTURE(owners);
    CHECK(std::abs(lost - expected) <= 1);
    CHECK(lost >= previous);
    previous = lost;
  }
  CHECK(previous == 2000);
}

TEST_CASE("a burst cut short keeps the lines it fetched and the progress it made") {
  CacheFootprints cache{kLines, kRefill, kClock};
  const Footprint footprint = wants(1000, 1000);
  const BurstPlan plan = cache.plan(3, footprint, Cycles{1'000'000});
  CHECK(model::progress_after(plan, Cycles{0}) == Cycles{0});
  CHECK(model::progress_after(plan, Cycles{106'800}) == Cycles{0});
  CHECK(model::progress_after(plan, Cycles{106'801}) == Cycles{1});
  CHECK(model::progress_after(plan, plan.total()) == Cycles{1'000'000});
  CHECK(model::refilled_after(plan, Cycles{53'400}) == 500);

  cache.ran(3, footprint, plan, Cycles{53'400});
  CHECK(cache.resident(3) == 500);
  CHECK(cache.lines_inserted() == 500);
  const BurstPlan rest = cache.plan(3, footprint, Cycles{1'000'000});
  CHECK(rest.lost_lines == 500);
  cache.ran(3, footprint, rest, rest.stall + Cycles{500'000});
  CHECK(cache.resident(3) == 1000);
  CHECK(cache.lines_inserted() == 1500);  // 500 + 500 fetched, 500 000 cycles of progress at 1000 a million
}

TEST_CASE("a footprint larger than the cache is cut to it") {
  CacheFootprints cache{kLines, kRefill, kClock};
  CHECK(run(cache, 1, wants(100'000), Cycles{1}).lost_lines == kLines);
  CHECK(cache.resident(1) == kLines);
  CHECK(run(cache, 1, wants(100'000), Cycles{1}).lost_lines == 0);
}

TEST_CASE("what a smaller footprint leaves unused is displaced like anybody's lines") {
  CacheFootprints cache{kLines, kRefill, kClock};
  run(cache, 1, wants(4000), Cycles{1});
  run(cache, 1, wants(1000, 8192), Cycles{1'000'000});  // 8192 steady insertions
  CHECK(cache.resident(1) == 2104);                     // 1000 + 3000 / e
  CHECK(run(cache, 1, wants(4000), Cycles{1}).lost_lines == 1896);
}

TEST_CASE("a cache has at least one line and at most 65535") {
  CHECK_THROWS(CacheFootprints(0, kRefill, kClock));
  CHECK_THROWS(CacheFootprints(65'536, kRefill, kClock));
  CacheFootprints largest{65'535, kRefill, kClock};
  run(largest, 1, wants(65'535), Cycles{1});
  insert(largest, 65'535);
  CHECK(largest.resident(1) == 24'109);  // 65535 / e = 24108.98
  insert(largest, 4'000'000'000);
  CHECK(largest.resident(1) == 0);
}
