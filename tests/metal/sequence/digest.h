// A running hash of words, the same everywhere.
#pragma once

#include "base/types.h"

namespace sequence {

using namespace hv;  // NOLINT

class Digest {
 public:
  void mix(u32 word) {
    hash_ = (hash_ ^ word) * 0x01000193u;
    hash_ ^= hash_ >> 15;
  }
  u32 value() const { return hash_; }

 private:
  u32 hash_ = 0x811c9dc5u;
};

}  // namespace sequence
