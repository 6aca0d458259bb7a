#include "model/disk/drive.h"

#include <algorithm>

namespace model {

using hw::BlockOperation, hw::BlockTag;
using sim::Duration, sim::Time;

Drive::Drive(const DriveFile& file, std::vector<std::uint64_t> bad_sectors, sim::EventQueue& queue, DriveHost& host)
    : file_{file},
      mechanics_{file_},
      bad_sectors_{std::move(bad_sectors)},
      queue_{queue},
      host_{host},
      commands_(file_.queue.depth),
      buffer_{file_.buffer.read_cache != 0 ? file_.buffer.segments : 0, file_.buffer.segment_sectors},
      cache_{file_.buffer.write_cache != 0 ? file_.buffer.write_sectors : 0} {
  std::ranges::sort(bad_sectors_);
  for (Slot slot = file_.queue.depth; slot-- > 0;) free_.push_back(slot);
  waiting_.reserve(commands_.size());
  ready_.reserve(commands_.size());
  for_room_.reserve(commands_.size());
  flushes_.reserve(commands_.size());
}

sim::EventHandle Drive::schedule(Time at, Event event, Slot slot) {
  return queue_.schedule(at, *this, static_cast<std::uint64_t>(event) << 32 | slot);
}

void Drive::on_event(std::uint64_t word) {
  const auto slot = static_cast<Slot>(word);
  switch (static_cast<Event>(word >> 32)) {
    case Event::ready:
      ready_.push_back(slot);
      employ_arm();
      break;
    case Event::arm_done:
      arm_done(slot);
      break;
    case Event::cached: {
      const DriveCommand& asked = commands_[slot].asked;
      cache_.insert(asked.sector, asked.sectors, asked.id);
      employ_arm();
      complete(slot);
      break;
    }
    case Event::completed:
      complete(slot);
      break;
    case Event::read_on:
      buffer_.append(ahead_.segment, ahead_.run.sectors);
      ahead_.running = false;
      employ_arm();
      break;
    case Event::destaged:
      cache_.left();
      arm_in_use_ = false;
      admit_cached_writes();
      employ_arm();
      complete_flushes();
      break;
  }
}

// --- the queue -------------------------------------------------------------------------------------------------------

bool Drive::submit(const DriveCommand& command) {
  if (free_.empty()) return false;
  const Slot slot = free_.back();
  free_.pop_back();
  commands_[slot] = {};
  commands_[slot].asked = command;
  waiting_.push_back(slot);
  begin_waiting();
  return true;
}

// An ordered command is alone: it begins when nothing is under way, and nothing begins beside it.
void Drive::begin_waiting() {
  while (!waiting_.empty() && !ordered_begun_) {
    const Slot slot = waiting_.front();
    const bool ordered = commands_[slot].asked.tag == BlockTag::ordered;
    if (ordered && begun_ > 0) return;
    ordered_begun_ = ordered;
    waiting_.erase(waiting_.begin());
    ++begun_;
    begin(slot);
  }
}

void Drive::begin(Slot slot) {
  Command& command = commands_[slot];
  const DriveCommand& asked = command.asked;
  if (asked.operation == BlockOperation::flush) {
    begin_flush(slot);
  } else if (asked.sectors == 0 || asked.sectors > sectors() || asked.sector > sectors() - asked.sectors) {
    command.failed = true;  // there are no such sectors
    schedule(queue_.now() + file_.overhead.read_hit, Event::completed, slot);
  } else if (asked.operation == BlockOperation::read) {
    begin_read(slot);
  } else {
    begin_write(slot);
  }
}

void Drive::begin_read(Slot slot) {
  Command& command = commands_[slot];
  const DriveCommand& asked = command.asked;
  const std::uint64_t end = asked.sector + asked.sectors;
  const Time now = queue_.now();
  const SegmentBuffer::Index segment = buffer_.find(asked.sector);
  const std::uint64_t held_until = segment == SegmentBuffer::kNone ? asked.sector : buffered_until(segment);
  if (held_until >= end || cache_.holds(asked.sector, asked.sectors)) {
    ++counts_.buffer_hits;
    schedule(transfer(now + file_.overhead.read_hit, asked.sectors), Event::completed, slot);
    if (held_until < end) return;
    buffer_.touch(segment);
    plan_read_ahead(segment, asked);
    employ_arm();
    return;
  }
  command.in_buffer = held_until > asked.sector ? static_cast<std::uint32_t>(held_until - asked.sector) : 0;
  command.place = mechanics_.geometry().place_of(asked.sector + command.in_buffer);
  if (ahead_.running && ahead_.segment == segment) {
    access(slot, stop_reading_ahead());  // the arm is just there: it goes on for this command
  } else {
    schedule(now + file_.overhead.read_miss, Event::ready, slot);
  }
}

void Drive::begin_write(Slot slot) {
  Command& command = commands_[slot];
  const DriveCommand& asked = command.asked;
  if (!asked.force_unit_access && asked.sectors <= cache_.capacity()) {
    for_room_.push_back(slot);
    admit_cached_writes();
    employ_arm();
    return;
  }
  // The data arrive while the arm is on its way. It must not start so early that it would run out of them.
  command.place = mechanics_.geometry().place_of(asked.sector);
  const Time eligible = queue_.now() + file_.overhead.write_through;
  const Time last_data = transfer(eligible, asked.sectors);
  const Duration written_meanwhile = mechanics_.revolution() * (asked.sectors - 1) / command.place.sectors_per_track;
  command.data_ready = std::max(last_data - file_.bus_time(asked.sectors - 1), last_data - written_meanwhile);
  schedule(eligible, Event::ready, slot);
}

void Drive::admit_cached_writes() {
  while (!for_room_.empty()) {
    const Slot slot = for_room_.front();
    const std::uint32_t sectors = commands_[slot].asked.sectors;
    if (!cache_.reserve(sectors)) return;
    for_room_.erase(for_room_.begin());
    schedule(transfer(queue_.now() + file_.overhead.write_cached, sectors), Event::cached, slot);
  }
}

void Drive::begin_flush(Slot slot) {
  if (cache_.written(cache_.now())) {
    schedule(queue_.now() + file_.overhead.read_hit, Event::completed, slot);
    return;
  }
  flushes_.push_back({.slot = slot, .stamp = cache_.now()});
  employ_arm();
}

void Drive::complete_flushes() {
  while (!flushes_.empty() && cache_.written(flushes_.front().stamp)) {
    const Slot slot = flushes_.front().slot;
    flushes_.erase(flushes_.begin());
    complete(slot);
  }
}

void Drive::complete(Slot slot) {
  const Command& command = commands_[slot];
  const std::uint32_t id = command.asked.id;
  const bool failed = command.failed;
  switch (command.asked.operation) {
    case BlockOperation::read:
      ++counts_.reads;
      if (!failed) counts_.sectors_read += command.asked.sectors;
      break;
    case BlockOperation::write:
      ++counts_.writes;
      if (!failed) counts_.sectors_written += command.asked.sectors;
      break;
    case BlockOperation::flush:
      ++counts_.flushes;
      break;
  }
  if (failed) ++counts_.failed;
  if (command.asked.tag == BlockTag::ordered) ordered_begun_ = false;
  --begun_;
  free_.push_back(slot);
  begin_waiting();
  host_.drive_completed(id, failed);
}

// --- the bus ---------------------------------------------------------------------------------------------------------

// When so many sectors that can go from `from` on are over the bus.
Time Drive::transfer(Time from, std::uint32_t sectors) {
  bus_free_ = std::max(bus_free_, from) + file_.bus_time(sectors);
  return bus_free_;
}

// The transfer to the host begins with the first sector in the buffer and cannot end before the last.
void Drive::finish_read(Slot slot) {
  const Command& command = commands_[slot];
  if (command.failed) {
    complete(slot);
    return;
  }
  const Time transferred = transfer(command.first_read, command.asked.sectors);
  bus_free_ = std::max(transferred, queue_.now() + file_.bus_time(1));
  schedule(bus_free_, Event::completed, slot);
}

}  // namespace model
