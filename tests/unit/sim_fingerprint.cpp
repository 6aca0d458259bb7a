// The fingerprint: golden values (computed independently with arbitrary-precision integers), and sensitivity.
#include <doctest/doctest.h>

#include <set>
#include <tuple>

#include "sim/fingerprint.h"

using namespace sim;

namespace {

constexpr Time at_ns(std::int64_t n) { return Time::at(Duration::nanoseconds(n)); }

// Also a constant expression: nothing of the host can enter.
constexpr std::uint64_t after_one() {
  Fingerprint fingerprint;
  fingerprint.mix(at_ns(5), 3, 7);
  return fingerprint.value();
}
static_assert(after_one() == 0x3D13C457FF8F015Cu);

}  // namespace

TEST_CASE("golden values") {
  Fingerprint fingerprint;
  CHECK(fingerprint.value() == 0x243F6A8885A308D3u);
  fingerprint.mix(at_ns(5), 3, 7);
  CHECK(fingerprint.value() == 0x3D13C457FF8F015Cu);
  fingerprint.mix(Time::at(Duration::seconds(9'000'000)), UINT32_MAX, UINT64_MAX);
  CHECK(fingerprint.value() == 0x5C3831C28F21B456u);
}

TEST_CASE("a picosecond, another component, another word, or another order changes it") {
  const auto of = [](auto... events) {
    Fingerprint fingerprint;
    (fingerprint.mix(std::get<0>(events), std::get<1>(events), std::get<2>(events)), ...);
    return fingerprint.value();
  };
  using Event = std::tuple<Time, std::uint32_t, std::uint64_t>;
  const Event one{at_ns(1), 2, 3}, two{at_ns(1), 3, 2};
  const std::set<std::uint64_t> values{of(one, two),
                                       of(two, one),
                                       of(one),
                                       of(two),
                                       of(one, one),
                                       of(Event{at_ns(1) + Duration::picoseconds(1), 2, 3}),
                                       of(Event{at_ns(1), 2, 4}),
                                       of(Event{Time{}, 0, 0})};
  CHECK(values.size() == 8);
}

TEST_CASE("no two of 200,000 neighbouring histories share a fingerprint") {
  std::set<std::uint64_t> seen;
  for (std::int64_t ns = 0; ns < 200; ++ns) {
    for (std::uint32_t component = 0; component < 100; ++component) {
      for (std::uint64_t word = 0; word < 10; ++word) {
        Fingerprint fingerprint;
        fingerprint.mix(at_ns(ns), component, word);
        seen.insert(fingerprint.value());
      }
    }
  }
  CHECK(seen.size() == 200 * 100 * 10);
}

TEST_CASE("it remembers the last 16 events, the newest last") {
  Fingerprint fingerprint;
  CHECK(fingerprint.recent().empty());
  for (std::uint64_t i = 0; i < 3; ++i) fingerprint.mix(at_ns(10), 1, i);
  CHECK(fingerprint.recent() ==
        std::vector<Fingerprint::Event>{{at_ns(10), 1, 0}, {at_ns(10), 1, 1}, {at_ns(10), 1, 2}});
  for (std::uint64_t i = 3; i < 100; ++i) fingerprint.mix(at_ns(static_cast<std::int64_t>(i)), 2, i);
  const auto recent = fingerprint.recent();
  REQUIRE(recent.size() == 16);
  for (std::uint64_t i = 0; i < 16; ++i) CHECK(recent[i].word == 84 + i);
}
