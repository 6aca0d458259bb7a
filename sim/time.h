// Simulated time: a point (Time), a step (Duration), CPU work (Cycles), and the clock that converts between the last
// two.
//
// Points and steps are whole picoseconds in 64 signed bits: 106 days. A clock rate need not be a whole number of
// picoseconds (2.4 GHz is 416.67 ps), so a Clock converts from the absolute cycle count with 128-bit intermediates
// and nothing drifts. No floating point.
#pragma once

#include <compare>
#include <cstdint>
#include <numeric>

namespace sim {

class Duration {
 public:
  constexpr Duration() = default;
  static constexpr Duration picoseconds(std::int64_t n) { return Duration{n}; }
  static constexpr Duration nanoseconds(std::int64_t n) { return Duration{n * 1'000}; }
  static constexpr Duration microseconds(std::int64_t n) { return Duration{n * 1'000'000}; }
  static constexpr Duration milliseconds(std::int64_t n) { return Duration{n * 1'000'000'000}; }
  static constexpr Duration seconds(std::int64_t n) { return Duration{n * 1'000'000'000'000}; }
  static constexpr Duration max() { return Duration{INT64_MAX}; }

  constexpr std::int64_t picoseconds() const { return ps_; }
  constexpr std::int64_t nanoseconds() const { return ps_ / 1'000; }                // towards zero
  constexpr double to_seconds() const { return static_cast<double>(ps_) * 1e-12; }  // for reports only

  friend constexpr auto operator<=>(Duration, Duration) = default;
  friend constexpr Duration operator+(Duration a, Duration b) { return Duration{a.ps_ + b.ps_}; }
  friend constexpr Duration operator-(Duration a, Duration b) { return Duration{a.ps_ - b.ps_}; }
  friend constexpr Duration operator*(Duration a, std::int64_t n) { return Duration{a.ps_ * n}; }
  friend constexpr Duration operator/(Duration a, std::int64_t n) { return Duration{a.ps_ / n}; }
  friend constexpr std::int64_t operator/(Duration a, Duration b) { return a.ps_ / b.ps_; }

 private:
  constexpr explicit Duration(std::int64_t ps) : ps_{ps} {}
  std::int64_t ps_ = 0;
};

class Time {
 public:
  constexpr Time() = default;  // the start of the simulation
  static constexpr Time at(Duration since_start) { return Time{since_start}; }
  static constexpr Time never() { return Time{Duration::max()}; }

  constexpr Duration since_start() const { return since_start_; }
  constexpr std::int64_t picoseconds() const { return since_start_.picoseconds(); }

  friend constexpr auto operator<=>(Time, Time) = default;
  friend constexpr Time operator+(Time t, Duration d) { return Time{t.since_start_ + d}; }
  friend constexpr Time operator-(Time t, Duration d) { return Time{t.since_start_ - d}; }
  friend constexpr Duration operator-(Time a, Time b) { return a.since_start_ - b.since_start_; }

 private:
  constexpr explicit Time(Duration since_start) : since_start_{since_start} {}
  Duration since_start_;
};

// An amount of CPU work, or a reading of a cycle counter that started at 0 with the simulation.
class Cycles {
 public:
  constexpr Cycles() = default;
  constexpr explicit Cycles(std::int64_t n) : n_{n} {}
  constexpr std::int64_t count() const { return n_; }
  friend constexpr auto operator<=>(Cycles, Cycles) = default;
  friend constexpr Cycles operator+(Cycles a, Cycles b) { return Cycles{a.n_ + b.n_}; }
  friend constexpr Cycles operator-(Cycles a, Cycles b) { return Cycles{a.n_ - b.n_}; }
  friend constexpr Cycles operator*(Cycles a, std::int64_t n) { return Cycles{a.n_ * n}; }
  constexpr Cycles& operator+=(Cycles b) {
    n_ += b.n_;
    return *this;
  }
  constexpr Cycles& operator-=(Cycles b) {
    n_ -= b.n_;
    return *this;
  }

 private:
  std::int64_t n_ = 0;
};

// A cycle counter of a fixed rate. cycles_at(time_of(n)) == n for every n.
class Clock {
  __extension__ using Wide = __int128;  // products of 64-bit numbers; not ISO C++, hence the keyword

 public:
  constexpr explicit Clock(std::int64_t hertz)
      : hertz_{hertz},
        picoseconds_{kPicosecondsPerSecond / std::gcd(kPicosecondsPerSecond, hertz)},
        cycles_{hertz / std::gcd(kPicosecondsPerSecond, hertz)} {}
  constexpr std::int64_t hertz() const { return hertz_; }

  // The first instant at which the counter reads `count`.
  constexpr Time time_of(Cycles count) const {
    return Time::at(Duration::picoseconds(divide(count.count(), picoseconds_, cycles_, cycles_ - 1)));
  }
  // What the counter reads at `t`.
  constexpr Cycles cycles_at(Time t) const { return Cycles{divide(t.picoseconds(), cycles_, picoseconds_, 0)}; }
  // Whole cycles that cover `d`, rounded up: for costs given in time units.
  constexpr Cycles cycles_in(Duration d) const {
    return Cycles{divide(d.picoseconds(), cycles_, picoseconds_, picoseconds_ - 1)};
  }

 private:
  static constexpr std::int64_t kPicosecondsPerSecond = 1'000'000'000'000;

  // (n * by + plus) / of; few products need more than 64 bits, and dividing these takes a call.
  static constexpr std::int64_t divide(std::int64_t n, std::int64_t by, std::int64_t of, std::int64_t plus) {
    std::int64_t product = 0;
    if (!__builtin_mul_overflow(n, by, &product) && !__builtin_add_overflow(product, plus, &product)) {
      return product / of;
    }
    return static_cast<std::int64_t>((static_cast<Wide>(n) * by + plus) / of);
  }

  std::int64_t hertz_;
  std::int64_t picoseconds_, cycles_;  // so many of each take equally long, in lowest terms
};

}  // namespace sim
