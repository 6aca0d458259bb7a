#include "metal/hosted/memory_disk.h"

namespace hosted {

bool MemoryDisk::submit(const hw::BlockCommand& command) {
  if (busy_) return false;
  busy_ = true;
  command_ = command;
  segments_.assign(command.segments, command.segments + command.segment_count);
  return true;
}

bool MemoryDisk::next_completed(hw::BlockCompletion& completion) {
  if (!busy_) return false;
  busy_ = false;
  std::size_t at = static_cast<std::size_t>(command_.sector) * kSectorWords;
  for (const hw::BlockSegment& segment : segments_) {
    const hw::Words words = memory_.window(segment.frame);
    for (u32 i = 0; i < segment.sectors * kSectorWords; ++i, ++at) {
      const u32 index = segment.first_sector * kSectorWords + i;
      if (command_.operation == hw::BlockOperation::read) {
        words.store(index, words_.at(at));
      } else {
        words_.at(at) = words.load(index);
      }
    }
  }
  completion = {command_.id, false};
  return true;
}

}  // namespace hosted
