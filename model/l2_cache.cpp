#include "model/l2_cache.h"

#include <algorithm>
#include <bit>
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

bool L2Cache::find_or_insert(hv::u32* set, hv::u32 line) {
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
  hv::u32* const found = std::find(set, set + ways_, line);
  if (found == set + ways_) return;
  std::move(found + 1, set + ways_, found);
  set[ways_ - 1] = kNone;
}

}  // namespace model
