#include "model/disk/segment_buffer.h"

#include <algorithm>

namespace model {

SegmentBuffer::SegmentBuffer(std::uint32_t segments, std::uint32_t segment_sectors)
    : segment_sectors_{segment_sectors}, segments_(segments) {}

SegmentBuffer::Index SegmentBuffer::find(std::uint64_t sector) const {
  Index found = kNone;
  for (Index i = 0; i < segments_.size(); ++i) {
    const Segment& segment = segments_[i];
    if (segment.first >= segment.end || sector < segment.first || sector > segment.end) continue;
    if (sector < segment.end) return i;
    found = i;
  }
  return found;
}

SegmentBuffer::Index SegmentBuffer::fill(std::uint64_t sector, std::uint32_t sectors) {
  const std::uint64_t end = sector + sectors;
  Index index = find(sector);
  if (index == kNone) {
    const auto oldest =
        std::ranges::min_element(segments_, [](const Segment& a, const Segment& b) { return a.used < b.used; });
    *oldest = {.first = sector, .end = sector};
    index = static_cast<Index>(oldest - segments_.begin());
  }
  Segment& segment = segments_[index];
  if (end > segment.end) append(index, static_cast<std::uint32_t>(end - segment.end));
  touch(index);
  return index;
}

void SegmentBuffer::append(Index index, std::uint32_t sectors) {
  Segment& segment = segments_[index];
  segment.end += sectors;
  if (segment.end - segment.first > segment_sectors_) segment.first = segment.end - segment_sectors_;
}

}  // namespace model
