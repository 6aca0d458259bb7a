#include "model/l2_cache.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace model {

L2Cache::L2Cache(std::uint32_t bytes, std::uint32_t line_bytes, std::uint32_t ways) : ways_{ways} {
  if (!std::has_single_bit(bytes) || !std::has_single_bit(line_bytes) || !std::has_single_bit(ways) ||
      bytes < line_bytes * ways) {
    throw std::invalid_argument{"a cache's size, lines and ways are powers of two, and it has at least one set"};
  }
  ways_shift_ = static_cast<std::uint32_t>(std::countr_zero(ways));
  line_shift_ = static_cast<std::uint32_t>(std::countr_zero(line_bytes));
  set_mask_ = bytes / line_bytes / ways - 1;
  lines_.assign(bytes / line_bytes, kNone);
}

namespace {

// Half of a set of eight. Comparing makes a lane all ones or all zeros.
using Lanes [[gnu::vector_size(16)]] = hv::u32;

Lanes load(const hv::u32* from) {
  Lanes lanes;
  std::memcpy(&lanes, from, sizeof lanes);
  return lanes;
}
void store(hv::u32* to, Lanes lanes) { std::memcpy(to, &lanes, sizeof lanes); }
Lanes equal(Lanes a, Lanes b) { return std::bit_cast<Lanes>(a == b); }
// Each in the place of its neighbour, or of that one's, behind zeros: one instruction.
Lanes up_one(Lanes lanes) { return __builtin_shufflevector(Lanes{}, lanes, 0, 4, 5, 6); }
Lanes up_two(Lanes lanes) { return __builtin_shufflevector(Lanes{}, lanes, 0, 1, 4, 5); }
Lanes select(Lanes which, Lanes ones, Lanes zeros) { return (which & ones) | (~which & zeros); }

// What the loop in find_or_insert() does, without a jump that depends on where the line is.
bool find_or_insert_in_eight(hv::u32* set, hv::u32 line) {
  const Lanes low = load(set), high = load(set + 4), before_high = load(set + 3);
  const Lanes lines{line, line, line, line};
  // Ones from the line's own lane on: those behind it keep what they have.
  Lanes low_from = equal(low, lines), high_from = equal(high, lines);
  low_from |= up_one(low_from);
  low_from |= up_two(low_from);
  high_from |= up_one(high_from);
  high_from |= up_two(high_from);
  const Lanes in_low = __builtin_shufflevector(low_from, low_from, 3, 3, 3, 3);
  store(set, select(up_one(low_from), low, up_one(low) | Lanes{line, 0, 0, 0}));
  store(set + 4, select(up_one(high_from) | in_low, high, before_high));
  return (low_from | high_from)[3] != 0;
}

}  // namespace

bool L2Cache::find_or_insert(hv::u32* set, hv::u32 line) {
  if (ways_ == kInTwoVectors) {
    const bool found = find_or_insert_in_eight(set, line);
    ++(found ? hits_ : misses_);
    return found;
  }
  // Each line moves into its elder's place, down to where the wanted one was, or to the end.
  hv::u32 moving = std::exchange(set[0], line);
  for (std::uint32_t way = 1; way < ways_; ++way) {
    std::swap(moving, set[way]);
    if (moving == line) {
      ++hits_;
      return true;
    }
  }
  ++misses_;
  return false;
}

void L2Cache::drop(hv::u32 machine_address) {
  const hv::u32 line = machine_address >> line_shift_;
  hv::u32* const set = set_of(line);
  if (ways_ == kInTwoVectors) {  // mostly it is not there
    const Lanes lines{line, line, line, line};
    Lanes there = equal(load(set), lines) | equal(load(set + 4), lines);
    there |= up_two(there);
    if ((there[2] | there[3]) == 0) return;
  }
  hv::u32* const found = std::find(set, set + ways_, line);
  if (found == set + ways_) return;
  std::move(found + 1, set + ways_, found);
  set[ways_ - 1] = kNone;
}

}  // namespace model
