// The second-level cache line by line: for memory whose addresses are known, such as page tables, the kernel's own code
// and data, and arrays that a program goes through. Physically indexed, set-associative, least recently used.
//
// Which pages share sets follows from the machine frames behind them, so a working set a little smaller than the cache
// already misses where too many of its pages have one colour, and a cyclic walk through a larger one misses always.
// What programs with unknown addresses want is an amount, see model/cache.h; the two do not displace each other.
#pragma once

#include <cstdint>
#include <vector>

#include "base/types.h"

namespace model {

class L2Cache {
 public:
  // All three are powers of two; `bytes` holds at least one set.
  L2Cache(std::uint32_t bytes, std::uint32_t line_bytes, std::uint32_t ways);

  // One access to the line at a machine address, which is present afterwards. False: it was not.
  bool access(hv::u32 machine_address) { return access(machine_address, 1) == 0; }
  // One access to each of so many lines from that one on, which are in the same page and so in sets that follow each
  // other. How many were not present.
  hv::u32 access(hv::u32 machine_address, hv::u32 lines) {
    hv::u32 line = machine_address >> line_shift_, absent = 0;
    for (const hv::u32 end = line + lines; line < end; ++line) {
      hv::u32* const set = set_of(line);
      if (set[0] == line) {
        ++hits_;
      } else if (!find_or_insert(set, line)) {
        ++absent;
      }
    }
    return absent;
  }
  // Another CPU has written the line.
  void drop(hv::u32 machine_address);

  std::uint32_t line_bytes() const { return 1u << line_shift_; }
  std::uint64_t hits() const { return hits_; }
  std::uint64_t misses() const { return misses_; }

 private:
  static constexpr hv::u32 kNone = 0xffffffff;

  static constexpr std::uint32_t kInTwoVectors = 8;  // ways of the sets that are searched and moved as a whole

  bool find_or_insert(hv::u32* set, hv::u32 line);
  hv::u32* set_of(hv::u32 line) { return &lines_[static_cast<std::size_t>(line & set_mask_) << ways_shift_]; }

  std::uint32_t line_shift_, set_mask_, ways_, ways_shift_;
  std::vector<hv::u32> lines_;  // line numbers; in each set the most recently used first
  std::uint64_t hits_ = 0, misses_ = 0;
};

}  // namespace model
