#include "sim/random.h"

#include <Random123/philox.h>

#include <cmath>

namespace sim {

namespace {

__extension__ using Wide = unsigned __int128;

// FNV-1a, 64 bits. Philox needs no well-mixed keys, only different ones.
constexpr std::uint64_t hash(std::string_view name) {
  std::uint64_t h = 0xCBF29CE484222325u;
  for (const char c : name) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001B3u;
  return h;
}

}  // namespace

RandomStream Random::stream(std::string_view name) const { return RandomStream{{seed_, hash(name)}}; }

void RandomStream::refill() {
  const r123::Philox4x64 cipher;
  const r123::Philox4x64::ctr_type counter{{counter_++, 0, 0, 0}};
  const r123::Philox4x64::key_type key{{key_[0], key_[1]}};
  const auto block = cipher(counter, key);
  for (std::size_t i = 0; i < block_.size(); ++i) block_[i] = block[i];
  used_ = 0;
}

// Lemire, "Fast random integer generation in an interval" (2019): the high half of next() * n, and a new draw for the
// few low halves that would favour some results.
std::uint64_t RandomStream::below(std::uint64_t n) {
  const std::uint64_t unfair = -n % n;
  while (true) {
    const Wide product = static_cast<Wide>(next()) * n;
    if (static_cast<std::uint64_t>(product) >= unfair) return static_cast<std::uint64_t>(product >> 64);
  }
}

std::int64_t RandomStream::uniform(std::int64_t low, std::int64_t high) {
  const std::uint64_t values = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low) + 1;
  const std::uint64_t step = values == 0 ? next() : below(values);  // 0: all 2^64
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(low) + step);
}

Duration RandomStream::uniform(Duration low, Duration high) {
  return Duration::picoseconds(uniform(low.picoseconds(), high.picoseconds()));
}

double RandomStream::exponential(double mean) { return -mean * std::log1p(-real()); }

Duration RandomStream::exponential(Duration mean) {
  return Duration::picoseconds(std::llround(exponential(static_cast<double>(mean.picoseconds()))));
}

std::size_t RandomStream::pick(std::span<const std::uint64_t> weights) {
  std::uint64_t sum = 0;
  for (const std::uint64_t weight : weights) sum += weight;
  std::uint64_t left = below(sum);
  std::size_t i = 0;
  while (left >= weights[i]) left -= weights[i++];
  return i;
}

}  // namespace sim
