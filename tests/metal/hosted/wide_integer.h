// For the 32-bit build of the model alone, where compilers have no integer of 128 bits: the build puts this type in the
// place of __int128 (cmake/metal.cmake). Not negative; just what sim/time.h does with one.
#pragma once

#include <cstdint>

class WideInteger {
 public:
  constexpr WideInteger() = default;
  constexpr WideInteger(std::int64_t value) : low_{static_cast<std::uint64_t>(value)} {}  // NOLINT: as of an integer
  constexpr explicit operator std::int64_t() const { return static_cast<std::int64_t>(low_); }

  friend constexpr WideInteger operator+(WideInteger a, WideInteger b) {
    WideInteger sum;
    sum.low_ = a.low_ + b.low_;
    sum.high_ = a.high_ + b.high_ + (sum.low_ < a.low_ ? 1 : 0);
    return sum;
  }
  friend constexpr WideInteger operator-(WideInteger a, WideInteger b) {
    WideInteger difference;
    difference.low_ = a.low_ - b.low_;
    difference.high_ = a.high_ - b.high_ - (a.low_ < b.low_ ? 1 : 0);
    return difference;
  }
  friend constexpr WideInteger operator*(WideInteger a, WideInteger b) {  // of two numbers of 64 bits
    constexpr std::uint64_t kHalf = 0xffffffff;
    const std::uint64_t a0 = a.low_ & kHalf, a1 = a.low_ >> 32, b0 = b.low_ & kHalf, b1 = b.low_ >> 32;
    const std::uint64_t middle = a1 * b0 + (a0 * b0 >> 32), other = a0 * b1 + (middle & kHalf);
    WideInteger product;
    product.low_ = other << 32 | (a0 * b0 & kHalf);
    product.high_ = a1 * b1 + (middle >> 32) + (other >> 32);
    return product;
  }
  friend constexpr WideInteger operator/(WideInteger a, WideInteger b) {  // by a number of 63 bits
    WideInteger quotient;
    std::uint64_t rest = 0;
    for (int bit = 127; bit >= 0; --bit) {
      rest = rest << 1 | ((bit >= 64 ? a.high_ >> (bit - 64) : a.low_ >> bit) & 1);
      if (rest < b.low_) continue;
      rest -= b.low_;
      (bit >= 64 ? quotient.high_ : quotient.low_) |= std::uint64_t{1} << (bit % 64);
    }
    return quotient;
  }

 private:
  std::uint64_t low_ = 0, high_ = 0;
};
static_assert(static_cast<std::int64_t>(WideInteger{7'000'000'000} * WideInteger{1'000'000'000'000} /
                                        WideInteger{7'000'000'000}) == 1'000'000'000'000);
