// The drive's arm: who may have it next, what it does for a command, for the write cache, and ahead of reads.
#include <algorithm>

#include "model/disk/drive.h"

namespace model {

using hw::BlockOperation;
using sim::Duration, sim::Time;

// The cache wants the arm although commands may wait for it.
bool Drive::make_way_for_cache() const { return cache_.dirty() && (!for_room_.empty() || !flushes_.empty()); }

// Commands and an urgent cache take turns; then comes the read-ahead that is planned, then a cache in no hurry.
void Drive::employ_arm() {
  if (arm_in_use_) return;
  if (!ready_.empty() && !(make_way_for_cache() && !destaged_last_)) {
    stop_reading_ahead();
    const std::size_t index = next_for_arm();
    const Slot slot = ready_[index];
    ready_.erase(ready_.begin() + static_cast<std::ptrdiff_t>(index));
    access(slot, queue_.now());
  } else if (make_way_for_cache()) {
    stop_reading_ahead();
    destage();
  } else {
    if (!ahead_.running) read_on();
    if (!ahead_.running && cache_.dirty()) destage();
  }
}

// Which of ready_ is next; of equal ones the oldest. Nothing keeps the shortest-first policies from passing one over
// for ever: that is what ordered tags are for.
std::size_t Drive::next_for_arm() const {
  const auto least = [&](auto cost) {
    std::size_t best = 0;
    auto best_cost = cost(commands_[ready_[0]]);
    for (std::size_t i = 1; i < ready_.size(); ++i) {
      const auto candidate = cost(commands_[ready_[i]]);
      if (candidate < best_cost) best = i, best_cost = candidate;
    }
    return best;
  };
  const auto seek = [&](const Command& command) {
    return mechanics_.seek(arm_, command.place, command.asked.operation == BlockOperation::write);
  };
  switch (file_.policy()) {
    case SeekPolicy::fcfs:
      break;
    case SeekPolicy::c_look:  // what lies behind the arm counts as beyond the end
      return least([&](const Command& command) { return command.asked.sector - arm_sector_; });
    case SeekPolicy::sstf:
      return least(seek);
    case SeekPolicy::sptf:
      return least([&](const Command& command) {
        const Duration there = seek(command);
        return there + mechanics_.wait(queue_.now() + there, command.place);
      });
  }
  return 0;
}

// Lets these sectors pass below the heads, track by track, from `from` on. When the last one has.
Time Drive::pass(Time from, const DriveCommand& sectors, Time ready, Time* first_passed) {
  const bool write = sectors.operation == BlockOperation::write;
  const std::uint64_t end = sectors.sector + sectors.sectors;
  for (std::uint64_t sector = sectors.sector; sector < end;) {
    const auto left = static_cast<std::uint32_t>(end - sector);
    const MediumRun run = mechanics_.next_run(from, arm_, sector, left, write, ready);
    if (observer_ != nullptr) observer_->medium_run(run, sectors.id, write);
    if (sector == sectors.sector && first_passed != nullptr) *first_passed = run.passed(1);
    from = run.end();
    sector += run.sectors;
  }
  arm_sector_ = end;
  return from;
}

void Drive::access(Slot slot, Time from) {
  Command& command = commands_[slot];
  DriveCommand sectors = command.asked;
  const std::uint64_t end = sectors.sector + sectors.sectors;
  const bool write = sectors.operation == BlockOperation::write;
  if (write) {
    replace_bad(sectors.sector, sectors.sectors);
  } else {
    sectors.sector += command.in_buffer;
    const std::uint64_t bad = first_bad(sectors.sector, end);
    command.failed = bad < end;
    sectors.sectors = static_cast<std::uint32_t>((command.failed ? bad + 1 : end) - sectors.sector);
  }
  Time done = pass(from, sectors, command.data_ready, &command.first_read);
  if (command.in_buffer > 0) command.first_read = queue_.now() + file_.overhead.read_hit;
  if (command.failed) done = done + mechanics_.revolution() * file_.recovery.revolutions;
  arm_in_use_ = true;
  destaged_last_ = false;
  counts_.arm_busy = counts_.arm_busy + (done - from);
  schedule(done, Event::arm_done, slot);
}

void Drive::arm_done(Slot slot) {
  const Command& command = commands_[slot];
  const DriveCommand asked = command.asked;
  arm_in_use_ = false;
  if (asked.operation == BlockOperation::write) {
    cache_.overwritten(asked.sector, asked.sectors);
    employ_arm();
    complete(slot);
    complete_flushes();
    return;
  }
  if (!command.failed && file_.buffer.read_cache != 0) {
    plan_read_ahead(buffer_.fill(asked.sector, asked.sectors), asked);
  }
  employ_arm();
  finish_read(slot);
}

// --- the write cache -------------------------------------------------------------------------------------------------

void Drive::destage() {
  Time at = queue_.now();
  const auto distance = [&](const WriteCache::Extent& extent) {
    return mechanics_.seek(arm_, mechanics_.geometry().place_of(extent.sector), true);
  };
  for (const WriteCache::Extent& extent : cache_.leave(distance)) {
    replace_bad(extent.sector, extent.sectors);
    at = pass(
        at,
        {.id = extent.command, .operation = BlockOperation::write, .sector = extent.sector, .sectors = extent.sectors},
        {}, nullptr);
  }
  arm_in_use_ = true;
  destaged_last_ = true;
  counts_.arm_busy = counts_.arm_busy + (at - queue_.now());
  schedule(at, Event::destaged);
}

// --- reading ahead ---------------------------------------------------------------------------------------------------

// Where the sectors of this segment end that are in the buffer at this moment.
std::uint64_t Drive::buffered_until(SegmentBuffer::Index segment) const {
  const std::uint64_t end = buffer_.end(segment);
  return ahead_.running && ahead_.segment == segment ? end + ahead_.run.passed_by(queue_.now()) : end;
}

// The segment of a read goes on behind it, but not so far that the read itself would fall out of it.
void Drive::plan_read_ahead(SegmentBuffer::Index segment, const DriveCommand& read) {
  const std::uint64_t limit = std::min(read.sector + std::max(read.sectors, file_.buffer.segment_sectors),
                                       read.sector + read.sectors + file_.buffer.read_ahead);
  if (ahead_.running && ahead_.segment != segment) return;
  ahead_.segment = segment;
  ahead_.limit = std::min(limit, sectors());
}

// Begins the next run, if there is one to go.
void Drive::read_on() {
  if (ahead_.segment == SegmentBuffer::kNone) return;
  const std::uint64_t from = buffer_.end(ahead_.segment);
  const std::uint64_t end = first_bad(from, std::max(ahead_.limit, from));
  if (from == end) {
    ahead_.segment = SegmentBuffer::kNone;
    return;
  }
  ahead_.run = mechanics_.next_run(queue_.now(), arm_, from, static_cast<std::uint32_t>(end - from), false);
  arm_sector_ = from;
  ahead_.timer = schedule(ahead_.run.end(), Event::read_on);
  ahead_.running = true;
}

// The whole sectors that have passed stay. When the last of them had: the arm may have gone on from there.
Time Drive::stop_reading_ahead() {
  if (!ahead_.running) return queue_.now();
  const std::uint32_t passed = ahead_.run.passed_by(queue_.now());
  buffer_.append(ahead_.segment, passed);
  queue_.cancel(ahead_.timer);
  ahead_.running = false;
  ahead_.segment = SegmentBuffer::kNone;
  return ahead_.run.passed(passed);
}

// --- bad sectors -----------------------------------------------------------------------------------------------------

std::uint64_t Drive::first_bad(std::uint64_t sector, std::uint64_t end) const {
  const auto bad = std::ranges::lower_bound(bad_sectors_, sector);
  return bad == bad_sectors_.end() ? end : std::min(*bad, end);
}

void Drive::replace_bad(std::uint64_t sector, std::uint32_t sectors) {
  const auto from = std::ranges::lower_bound(bad_sectors_, sector);
  bad_sectors_.erase(from, std::lower_bound(from, bad_sectors_.end(), sector + sectors));
}

}  // namespace model
