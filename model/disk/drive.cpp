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
      commands_(file_.queue.depth) {
  std::ranges::sort(bad_sectors_);
  for (Slot slot = file_.queue.depth; slot-- > 0;) free_.push_back(slot);
  waiting_.reserve(commands_.size());
  ready_.reserve(commands_.size());
}

void Drive::schedule(Time at, Event event, Slot slot) {
  queue_.schedule(at, *this, static_cast<std::uint64_t>(event) << 32 | slot);
}

void Drive::on_event(std::uint64_t word) {
  const auto slot = static_cast<Slot>(word);
  switch (static_cast<Event>(word >> 32)) {
    case Event::ready:
      make_ready(slot);
      break;
    case Event::arm_done:
      arm_in_use_ = false;
      if (!ready_.empty()) use_arm();
      if (commands_[slot].asked.operation == BlockOperation::read) {
        finish_read(slot);
      } else {
        complete(slot);
      }
      break;
    case Event::completed:
      complete(slot);
      break;
  }
}

// --- the queue -------------------------------------------------------------------------------------------------------

bool Drive::submit(const DriveCommand& command) {
  if (free_.empty()) return false;
  const Slot slot = free_.back();
  free_.pop_back();
  commands_[slot] = {.asked = command, .place = {}, .data_ready = {}, .first_read = {}};
  waiting_.push_back(slot);
  begin_waiting();
  return true;
}

// An ordered command is alone: it begins when nothing is under way, and nothing begins beside it.
void Drive::begin_waiting() {
  std::size_t begun = 0;
  for (; begun < waiting_.size() && !ordered_begun_; ++begun) {
    const Slot slot = waiting_[begun];
    if (commands_[slot].asked.tag == BlockTag::ordered) {
      if (begun_ > 0) break;
      ordered_begun_ = true;
    }
    ++begun_;
    begin(slot);
  }
  waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(begun));
}

void Drive::begin(Slot slot) {
  Command& command = commands_[slot];
  const DriveCommand& asked = command.asked;
  const Time now = queue_.now();
  if (asked.operation == BlockOperation::flush) {
    schedule(now + file_.overhead.read_hit, Event::completed, slot);
    return;
  }
  if (asked.sectors == 0 || asked.sectors > sectors() || asked.sector > sectors() - asked.sectors) {
    command.failed = true;  // no such sectors
    schedule(now + file_.overhead.read_hit, Event::completed, slot);
    return;
  }
  command.place = mechanics_.geometry().place_of(asked.sector);
  if (asked.operation == BlockOperation::write) {
    begin_write(slot);
  } else {
    schedule(now + file_.overhead.read_miss, Event::ready, slot);
  }
}

// The data arrive while the arm is on its way. It must not start so early that it would run out of them.
void Drive::begin_write(Slot slot) {
  Command& command = commands_[slot];
  const std::uint32_t sectors = command.asked.sectors;
  const Time eligible = queue_.now() + file_.overhead.write_through;
  const Time last_data = transfer(eligible, sectors);
  const Duration written_meanwhile = mechanics_.revolution() * (sectors - 1) / command.place.sectors_per_track;
  command.data_ready = std::max(last_data - file_.bus_time(sectors - 1), last_data - written_meanwhile);
  schedule(eligible, Event::ready, slot);
}

void Drive::make_ready(Slot slot) {
  ready_.push_back(slot);
  if (!arm_in_use_) use_arm();
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

// --- the arm ---------------------------------------------------------------------------------------------------------

// Which of ready_ is next; of equal ones the oldest.
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
  const auto writes = [](const Command& command) { return command.asked.operation == BlockOperation::write; };
  switch (file_.policy()) {
    case SeekPolicy::fcfs:
      return 0;
    case SeekPolicy::c_look:  // what lies behind the arm counts as beyond the end
      return least([&](const Command& command) { return command.asked.sector - arm_sector_; });
    case SeekPolicy::sstf:
      return least([&](const Command& command) { return mechanics_.seek(arm_, command.place, writes(command)); });
    case SeekPolicy::sptf:
      return least([&](const Command& command) {
        const Duration seek = mechanics_.seek(arm_, command.place, writes(command));
        return seek + mechanics_.wait(queue_.now() + seek, command.place);
      });
  }
  return 0;
}

// Of a read over a bad sector, what the arm does until the drive gives up; false.
bool Drive::readable(DriveCommand& access) {
  const auto bad = std::ranges::lower_bound(bad_sectors_, access.sector);
  if (bad == bad_sectors_.end() || *bad >= access.sector + access.sectors) return true;
  access.sectors = static_cast<std::uint32_t>(*bad - access.sector) + 1;
  return false;
}

void Drive::use_arm() {
  const std::size_t index = next_for_arm();
  const Slot slot = ready_[index];
  ready_.erase(ready_.begin() + static_cast<std::ptrdiff_t>(index));
  Command& command = commands_[slot];
  DriveCommand access = command.asked;
  const bool write = access.operation == BlockOperation::write;
  if (write) {
    std::erase_if(bad_sectors_,
                  [&](std::uint64_t bad) { return bad >= access.sector && bad < access.sector + access.sectors; });
  } else {
    command.failed = !readable(access);
  }
  Time at = queue_.now();
  bool first = true;
  while (access.sectors > 0) {
    const MediumRun run = mechanics_.next_run(at, arm_, access.sector, access.sectors, write, command.data_ready);
    if (observer_ != nullptr) observer_->medium_run(run, access.id, write);
    if (first) command.first_read = run.passed(1);
    first = false;
    at = run.end();
    access.sector += run.sectors;
    access.sectors -= run.sectors;
  }
  if (command.failed) at = at + mechanics_.revolution() * file_.recovery.revolutions;
  arm_sector_ = access.sector;
  arm_in_use_ = true;
  counts_.arm_busy = counts_.arm_busy + (at - queue_.now());
  schedule(at, Event::arm_done, slot);
}

}  // namespace model
