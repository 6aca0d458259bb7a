// Divisions that a 32-bit processor does in few instructions; a division of 64-bit numbers is a call of a helper.
#pragma once

#include "base/types.h"

namespace hv {

struct Division {
  u64 quotient;
  u64 remainder;
};

// The general one. The empty statement keeps the compiler from fetching the remainder by a helper of libgcc that a
// kernel does not have.
inline Division divide(u64 dividend, u64 divisor) {
  u64 quotient = dividend / divisor;
  asm("" : "+r"(quotient));
  return {quotient, dividend - quotient * divisor};
}

// Of a number that is mostly below 2^32, as the length of a run in nanoseconds is: a division of 32-bit numbers then,
// and a multiplication if the divisor is a constant.
inline s64 divide_short(s64 dividend, u32 divisor) {
  const auto bits = static_cast<u64>(dividend);
  if (high_word(bits) == 0) return low_word(bits) / divisor;
  return dividend / s64{divisor};
}

// (a * b + addend) / divisor, where the quotient must fit 32 bits: the processor's own division, which a compiler does
// not use because it cannot know that.
inline u32 multiply_divide(u32 a, u32 b, u32 addend, u32 divisor) {
  const u64 dividend = u64{a} * b + addend;
  u32 quotient = low_word(dividend), remainder = high_word(dividend);
  asm("divl %2" : "+a"(quotient), "+d"(remainder) : "rm"(divisor) : "cc");
  return quotient;
}

}  // namespace hv
