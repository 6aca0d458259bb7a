// What a drive remembers of what it read: a few segments of consecutive sectors, the least recently used one replaced.
//
// What is written to sectors in a segment goes into the segment too, so that it stays true.
#pragma once

#include <cstdint>
#include <vector>

namespace model {

class SegmentBuffer {
 public:
  using Index = std::uint32_t;
  static constexpr Index kNone = UINT32_MAX;

  SegmentBuffer(std::uint32_t segments, std::uint32_t segment_sectors);

  // The segment that holds this sector, or ends just before it; kNone without one.
  Index find(std::uint64_t sector) const;
  std::uint64_t end(Index segment) const { return segments_[segment].end; }

  // After sectors were read: appends them to the segment that they continue, or begins a new one with them.
  Index fill(std::uint64_t sector, std::uint32_t sectors);
  // One more run of read-ahead.
  void append(Index segment, std::uint32_t sectors);
  void touch(Index segment) { segments_[segment].used = ++uses_; }

 private:
  struct Segment {
    std::uint64_t first = 0, end = 0;  // empty: equal
    std::uint64_t used = 0;
  };
  std::uint32_t segment_sectors_;
  std::vector<Segment> segments_;
  std::uint64_t uses_ = 0;
};

}  // namespace model
