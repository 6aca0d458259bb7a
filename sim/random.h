// Random numbers: one root seed, and a stream of its own for every name.
//
// The generator is Philox 4x64 (Salmon et al., SC 2011; Random123): a block cipher that encrypts a counter. A stream's
// key is the root seed and a hash of its name, so a stream depends on nothing but these two: adding a component leaves
// the others' draws as they were, and runs of a sweep share their random numbers.
//
// Distributions are our own: std's differ between libraries, and here every variate takes one draw (but for the rare
// rejection in below()), so that streams stay in step when a parameter changes.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "sim/time.h"

namespace sim {

class RandomStream {
 public:
  // Uniform over all 64-bit words.
  std::uint64_t next() {
    if (used_ == block_.size()) refill();
    return block_[used_++];
  }
  // Uniform over 0 .. n-1, without bias; n > 0.
  std::uint64_t below(std::uint64_t n);
  // Uniform over low .. high, both included.
  std::int64_t uniform(std::int64_t low, std::int64_t high);
  Duration uniform(Duration low, Duration high);
  // Uniform over the multiples of 2^-53 in [0, 1).
  double real() { return static_cast<double>(next() >> 11) * 0x1p-53; }
  // True in `part` of `whole` cases.
  bool chance(std::uint64_t part, std::uint64_t whole) { return below(whole) < part; }
  // By inversion, with log1p() of the C library: the one function here that another library could round differently.
  double exponential(double mean);
  Duration exponential(Duration mean);
  // Index i with probability weights[i] / sum; weights are integers so that no rounding enters. The sum is not 0.
  std::size_t pick(std::span<const std::uint64_t> weights);

 private:
  friend class Random;
  explicit RandomStream(std::array<std::uint64_t, 2> key) : key_{key} {}
  void refill();

  std::array<std::uint64_t, 2> key_;
  std::uint64_t counter_ = 0;  // of blocks
  std::array<std::uint64_t, 4> block_{};
  std::size_t used_ = block_.size();
};

// The source of all streams of a run.
class Random {
 public:
  explicit Random(std::uint64_t seed) : seed_{seed} {}
  std::uint64_t seed() const { return seed_; }
  // The same name gives the same stream from its beginning, whoever asks and whenever.
  RandomStream stream(std::string_view name) const;

 private:
  std::uint64_t seed_;
};

}  // namespace sim
