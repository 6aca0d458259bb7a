// Time: what must not mix does not compile, and clocks convert without loss.
#include <doctest/doctest.h>

#include <concepts>
#include <initializer_list>

#include "sim/random.h"
#include "sim/time.h"

using namespace sim;

namespace {

template <class A, class B>
concept Addable = requires(A a, B b) {
  a + b;
};
template <class A, class B>
concept Subtractable = requires(A a, B b) {
  a - b;
};
template <class A, class B>
concept Comparable = requires(A a, B b) {
  a < b;
};
template <class A, class B>
concept Convertible = std::convertible_to<A, B>;

// A point and a step make a point; two points make only a step.
static_assert(std::same_as<decltype(Time{} + Duration{}), Time>);
static_assert(std::same_as<decltype(Time{} - Duration{}), Time>);
static_assert(std::same_as<decltype(Time{} - Time{}), Duration>);
static_assert(!Addable<Time, Time>);
// Cycles are neither, and bare numbers are none of them.
static_assert(!Addable<Time, Cycles> && !Addable<Duration, Cycles> && !Subtractable<Time, Cycles>);
static_assert(!Comparable<Time, Duration> && !Comparable<Duration, Cycles> && !Comparable<Time, Cycles>);
static_assert(!Addable<Time, int> && !Addable<Duration, int> && !Addable<Cycles, int>);
static_assert(!Convertible<int, Time> && !Convertible<int, Duration> && !Convertible<int, Cycles>);
static_assert(!Convertible<Duration, Time> && !Convertible<Time, Duration> && !Convertible<Cycles, Duration>);
static_assert(sizeof(Time) == 8 && sizeof(Duration) == 8 && sizeof(Cycles) == 8);

static_assert(Duration::seconds(1) == Duration::milliseconds(1'000));
static_assert(Duration::milliseconds(1) == Duration::microseconds(1'000));
static_assert(Duration::microseconds(1) == Duration::nanoseconds(1'000));
static_assert(Duration::nanoseconds(1) == Duration::picoseconds(1'000));
static_assert(Duration::microseconds(5) / Duration::nanoseconds(300) == 16);

constexpr Clock kXeon{2'400'000'000};
static_assert(kXeon.time_of(Cycles{12}) == Time::at(Duration::nanoseconds(5)));
static_assert(kXeon.time_of(Cycles{1}) == Time::at(Duration::picoseconds(417)));  // 416.67, upwards
static_assert(kXeon.cycles_at(Time::at(Duration::picoseconds(416))) == Cycles{0});
static_assert(kXeon.cycles_at(Time::at(Duration::picoseconds(417))) == Cycles{1});
static_assert(kXeon.cycles_in(Duration::nanoseconds(5)) == Cycles{12});
static_assert(kXeon.cycles_in(Duration::picoseconds(1)) == Cycles{1});

}  // namespace

TEST_CASE("a counter reads n at the first instant of its n-th cycle, and n-1 just before") {
  RandomStream random = Random{1}.stream("cycles");
  for (const std::int64_t hertz :
       std::initializer_list<std::int64_t>{2'400'000'000, 2'399'999'999, 3'066'000'000, 1'193'182}) {
    const Clock clock{hertz};
    const std::int64_t most = clock.cycles_at(Time::at(Duration::seconds(9'000'000))).count();  // 104 days
    for (int i = 0; i < 100'000; ++i) {
      const Cycles n{random.uniform(1, most >> random.below(40))};
      const Time t = clock.time_of(n);
      REQUIRE(clock.cycles_at(t) == n);
      REQUIRE(clock.cycles_at(t - Duration::picoseconds(1)) < n);
    }
  }
}

TEST_CASE("a clock does not drift: a year's tenth of cycles is a year's tenth") {
  CHECK(kXeon.time_of(Cycles{2'400'000'000 * 3'153'600}) == Time::at(Duration::seconds(3'153'600)));
  CHECK(kXeon.cycles_at(Time::at(Duration::seconds(3'153'600))) == Cycles{2'400'000'000 * 3'153'600});
}

TEST_CASE("never() is later than every instant") { CHECK(Time::at(Duration::seconds(9'200'000)) < Time::never()); }
