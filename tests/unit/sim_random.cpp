// Random streams: known answers, independence of streams, and the shape of the distributions.
#include <Random123/philox.h>
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "sim/random.h"

using namespace sim;

namespace {

using Philox = r123::Philox4x64;

template <class Draw>
auto draws(int n, Draw draw) {
  std::vector<decltype(draw())> result;
  for (int i = 0; i < n; ++i) result.push_back(draw());
  return result;
}

}  // namespace

TEST_CASE("the cipher gives the known answers of Random123's distribution") {
  const Philox philox;
  CHECK(philox({{0, 0, 0, 0}}, {{0, 0}}) ==
        Philox::ctr_type{{0x16554D9ECA36314C, 0xDB20FE9D672D0FDC, 0xD7E772CEE186176B, 0x7E68B68AEC7BA23B}});
  CHECK(philox({{0x243F6A8885A308D3, 0x13198A2E03707344, 0xA4093822299F31D0, 0x082EFA98EC4E6C89}},
               {{0x452821E638D01377, 0xBE5466CF34E90C6C}}) ==
        Philox::ctr_type{{0xA528F45403E61D95, 0x38C72DBD566E9788, 0xA5A1610E72FD18B5, 0x57BD43B5E52B7FE6}});
}

TEST_CASE("a stream is the cipher under (seed, FNV-1a of the name), block by block") {
  RandomStream stream = Random{42}.stream("nic");
  CHECK(draws(6, [&] { return stream.next(); }) == std::vector<std::uint64_t>{0xE8A070E16BADEFBE, 0xB50102097A9B7C17,
                                                                              0x9C75A449AF6EAA02, 0xBEB015119723CC54,
                                                                              0x773ABF0C41C8C8E7, 0x3D04B8B419141BCD});
}

TEST_CASE("golden draws of every distribution") {
  RandomStream stream = Random{42}.stream("disk");
  CHECK(draws(8, [&] { return stream.below(1'000); }) ==
        std::vector<std::uint64_t>{39, 546, 780, 438, 72, 535, 817, 737});
  CHECK(draws(4, [&] { return stream.real(); }) ==
        std::vector{0x1.1fb28ced3e73cp-3, 0x1.d62b8211c207ap-1, 0x1.a304066901937p-1, 0x1.371236a7a1a5p-2});
  CHECK(draws(4, [&] { return stream.exponential(1.0); }) ==
        std::vector{0x1.89bf6068092f5p-1, 0x1.0b6aa66d1c63cp+2, 0x1.ad825d9ba2cb4p+1, 0x1.fd1824da3f04dp-3});
  CHECK(draws(4, [&] { return stream.exponential(Duration::milliseconds(1)).picoseconds(); }) ==
        std::vector<std::int64_t>{177'570'715, 1'720'963'666, 370'042'989, 899'429'254});
  CHECK(draws(8, [&] { return stream.uniform(-5, 5); }) == std::vector<std::int64_t>{0, 2, -4, 4, -5, 3, 2, 0});
  CHECK(draws(12, [&] {
          return stream.pick(std::array<std::uint64_t, 4>{1, 0, 3, 6});
        }) == std::vector<std::size_t>{3, 3, 3, 2, 3, 3, 3, 2, 3, 3, 3, 3});
}

TEST_CASE("a stream depends on seed and name alone, not on what else was drawn") {
  const Random random{7};
  RandomStream alone = random.stream("domain 3");
  const auto expected = draws(100, [&] { return alone.next(); });

  RandomStream other = random.stream("domain 4");
  RandomStream again = random.stream("domain 3");
  for (int i = 0; i < 100; ++i) {
    other.next();
    REQUIRE(again.next() == expected[static_cast<std::size_t>(i)]);
  }
  CHECK(random.stream("domain 4").next() != expected[0]);
  CHECK(Random{8}.stream("domain 3").next() != expected[0]);
}

TEST_CASE("below(n) is uniform: chi-square of a million draws, for n that do not divide 2^64") {
  for (const std::uint64_t n : std::initializer_list<std::uint64_t>{3, 7, 10, 100}) {
    RandomStream stream = Random{n}.stream("dice");
    constexpr int kDraws = 1'000'000;
    std::vector<int> counts(n);
    for (int i = 0; i < kDraws; ++i) ++counts[stream.below(n)];
    const double expected = static_cast<double>(kDraws) / static_cast<double>(n);
    double chi_square = 0;
    for (const int count : counts) chi_square += (count - expected) * (count - expected) / expected;
    // Mean n-1, variance 2(n-1): five standard deviations.
    const double freedom = static_cast<double>(n - 1);
    CHECK(chi_square < freedom + 5 * std::sqrt(2 * freedom));
  }
}

TEST_CASE("below(n) rejects what would favour some results") {
  // n = 3/4 of 2^64: plain scaling sends two of every four words to a multiple of 3, and one to each other number.
  RandomStream stream = Random{1}.stream("large");
  constexpr std::uint64_t kN = 3ull << 62;
  std::array<int, 3> residues{};
  for (int i = 0; i < 300'000; ++i) ++residues[stream.below(kN) % 3];
  for (const int count : residues) CHECK(std::abs(count - 100'000) < 5 * 258);  // 5 standard deviations
}

TEST_CASE("the limits of uniform() are included, and may be all 64-bit numbers") {
  RandomStream stream = Random{1}.stream("limits");
  bool low = false, high = false;
  for (int i = 0; i < 1'000; ++i) {
    const std::int64_t value = stream.uniform(-2, 2);
    REQUIRE(-2 <= value);
    REQUIRE(value <= 2);
    low |= value == -2;
    high |= value == 2;
  }
  CHECK((low && high));
  CHECK(stream.uniform(Duration::nanoseconds(5), Duration::nanoseconds(5)) == Duration::nanoseconds(5));
  const auto whole = draws(64, [&] { return stream.uniform(INT64_MIN, INT64_MAX); });
  CHECK(*std::min_element(whole.begin(), whole.end()) < INT64_MIN / 2);
  CHECK(*std::max_element(whole.begin(), whole.end()) > INT64_MAX / 2);
}

TEST_CASE("exponential variates have the mean and the variance of the law") {
  RandomStream stream = Random{3}.stream("service");
  constexpr int kDraws = 1'000'000;
  double sum = 0, squares = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double value = stream.exponential(2.0);
    REQUIRE(value >= 0);
    sum += value;
    squares += value * value;
  }
  CHECK(sum / kDraws == doctest::Approx(2).epsilon(0.005));       // 5 standard errors
  CHECK(squares / kDraws == doctest::Approx(8).epsilon(0.0115));  // E[X^2] = 2 mean^2
}
