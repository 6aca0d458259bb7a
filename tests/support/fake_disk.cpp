#include "support/fake_disk.h"

#include <algorithm>
#include <stdexcept>

#include "support/fake_machine.h"

namespace test {

u32 FakeDisk::interrupt_line() const { return hw::kFirstDeviceLine + 1; }

bool FakeDisk::submit(const hw::BlockCommand& command) {
  if (commands.size() + completed_.size() >= depth) return false;
  u32 sum = 0;
  for (u32 i = 0; i < command.segment_count; ++i) sum += command.segments[i].sectors;
  if (sum != command.sectors || command.segment_count > hw::kMaxBlockSegments ||
      command.sector + command.sectors > size)
    throw std::logic_error("a command that no disk would take");
  for (const Command& other : commands)
    if (other.command.id == command.id) throw std::logic_error("an id that another command has");
  commands.push_back({command, {command.segments, command.segments + command.segment_count}, ++now_});
  commands.back().command.segments = nullptr;
  ++submitted;
  return true;
}

bool FakeDisk::next_completed(hw::BlockCompletion& completion) {
  if (completed_.empty()) return false;
  completion = completed_.front();
  completed_.erase(completed_.begin());
  return true;
}

void FakeDisk::finish(std::size_t index) {
  const Command command = commands.at(index);
  commands.erase(commands.begin() + static_cast<std::ptrdiff_t>(index));
  ++now_;
  completed_.push_back({command.command.id, !perform(command)});
}

bool FakeDisk::perform(const Command& command) {
  if (command.command.operation == hw::BlockOperation::flush) {
    ++flushes;
    for (const Cached& each : cache_) to_medium(each);
    cache_.clear();
    return true;
  }
  u64 sector = command.command.sector;
  for (const hw::BlockSegment& segment : command.segments) {
    for (u32 i = 0; i < segment.sectors; ++i, ++sector) {
      const u32 address = segment.frame.address() + (segment.first_sector + i) * hw::kSectorBytes;
      if (bad_sectors.contains(sector)) return false;
      if (command.command.operation == hw::BlockOperation::read) {
        memory_.set_word(address, contents(sector));
        continue;
      }
      const Cached written{sector, memory_.word(address), command.given};
      contents_[sector] = written.contents;
      // The older contents of the cache will never be on the medium by themselves.
      std::erase_if(cache_, [&](const Cached& old) { return old.sector == sector; });
      if (cache && !command.command.force_unit_access) {
        cache_.push_back(written);
      } else {
        to_medium(written);
      }
    }
  }
  return true;
}

void FakeDisk::destage(std::size_t index) {
  ++now_;
  to_medium(cache_.at(index));
  cache_.erase(cache_.begin() + static_cast<std::ptrdiff_t>(index));
}

u32 FakeDisk::contents(u64 sector) const {
  const auto found = contents_.find(sector);
  return found == contents_.end() ? 0 : found->second;
}

void FakeDisk::to_medium(const Cached& written) {
  medium.push_back({written.sector, written.contents, written.begun, now_});
}

}  // namespace test
