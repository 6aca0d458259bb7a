#include "workloads/ports/hosted/host_disk.h"

#include <algorithm>
#include <array>

namespace guest {

namespace {

constexpr u32 kPageSectors = hv::kPageSize / hw::kSectorBytes;
constexpr hv::MachineFrame kData{1};  // stands for the cache's pages, which have no contents

// Linux 2.4.21, fs/buffer.c: bdf_prm. Ticks of 10 ms.
constexpr u64 kUpdateTicks = 500, kOldTicks = 3000;
constexpr u32 kFlushPercent = 30, kThrottlePercent = 60;

// Write-back keeps so many commands with the drive, so that a read does not wait behind all of it.
constexpr u32 kMostWrites = 16;

}  // namespace

HostDisk::HostDisk(model::Machine& machine, const KernelFile& kernel, u32 cache_pages)
    : machine_{machine},
      device_{*machine.block()},
      host_{machine, kernel},
      cache_{cache_pages},
      with_device_(device_.queue_depth()) {
  for (u32 id = device_.queue_depth(); id-- > 0;) free_ids_.push_back(id);
}

void HostDisk::start() {
  machine_.router().route(device_.interrupt_line(), 0);
  machine_.router().unmask(device_.interrupt_line());
}

// --- the process -----------------------------------------------------------------------------------------------------

void HostDisk::begin(BlockDirection direction, u64 sector, u32 sectors) {
  const InHost in_host{machine_.running()};
  ++counts_.calls;
  host_.spend(host_.call_and_return());  // lseek
  host_.spend(host_.call());
  const u64 end = sector + sectors;
  call_ = Call{direction, sector / kPageSectors, (end + kPageSectors - 1) / kPageSectors, sectors * hw::kSectorBytes};
  failed_ = false;
  const u64 first = call_->first_page, last = call_->end_page - 1;
  if (direction == BlockDirection::read) {
    read_missing(first, last + 1);
  } else {  // of a page that is not written whole the rest must be there
    if (sector % kPageSectors != 0) read_missing(first, first + 1);
    if (end % kPageSectors != 0) read_missing(last, last + 1);
  }
  advance();
}

void HostDisk::read_missing(u64 first, u64 end) {
  for (u64 page = first; page < end;) {
    if (cache_.contains(page)) {
      cache_.use(page);
      ++counts_.pages_found;
      ++page;
      continue;
    }
    Command command{false, page, 0};
    for (; page < end && command.pages < hw::kMaxBlockSegments && !cache_.contains(page); ++page, ++command.pages) {
      cache_.insert(page);
    }
    counts_.pages_read += command.pages;
    ++awaited_;
    submit(command);
  }
}

void HostDisk::advance() {
  if (!call_ || awaited_ > 0) return;
  if (!call_->copied && !failed_) copy();
  call_->copied = true;
  write_back();
  if (percent_unclean() > kThrottlePercent) {
    ++counts_.throttled;
    return;
  }
  call_.reset();
}

void HostDisk::copy() {
  const auto& memory = machine_.file().memory;
  const bool write = call_->direction == BlockDirection::write;
  for (u64 page = call_->first_page; page < call_->end_page; ++page) {
    host_.spend(host_.paths().page_cache);
    if (!write) continue;
    host_.spend(host_.paths().write_page);
    if (!cache_.insert(page)) machine_.stop("the host's cache has no page that it could give up");
    cache_.dirty(page, tick_);
  }
  const InHost in_host{machine_.running()};
  machine_.running().charge(
      model::MachineFile::cycles_for(write ? memory.copy_cached : memory.copy_uncached, call_->bytes),
      model::Cause::bytes);
}

// --- the host's daemons ----------------------------------------------------------------------------------------------

void HostDisk::tick(u32 ticks) {
  for (; ticks > 0; --ticks) {
    if (++tick_ % kUpdateTicks == 0 && tick_ > kOldTicks) old_before_ = tick_ - kOldTicks;
  }
  write_back();
}

u32 HostDisk::percent_unclean() const {
  return static_cast<u32>(u64{cache_.dirty_pages() + cache_.writing_pages()} * 100 / cache_.size());
}

// Page next to page, so that one command takes as many as it can.
void HostDisk::write_back() {
  while (writing_ < kMostWrites) {
    const std::optional<u64> oldest = cache_.take_dirty(percent_unclean() > kFlushPercent ? tick_ : old_before_);
    if (!oldest) break;
    Command command{true, *oldest, 1};
    const auto take = [&](u64 page) {
      if (command.pages == hw::kMaxBlockSegments || !cache_.is_dirty(page)) return false;
      cache_.take_dirty_page(page);
      ++command.pages;
      return true;
    };
    while (take(command.page + command.pages)) {
    }
    while (command.page > 0 && take(command.page - 1)) --command.page;
    counts_.pages_written_back += command.pages;
    ++writing_;
    submit(command);
  }
}

// --- the drive -------------------------------------------------------------------------------------------------------

void HostDisk::submit(const Command& command) {
  const KernelFile::Paths& paths = host_.paths();
  host_.spend(paths.block_request);
  host_.spend(paths.scsi_request);
  host_.spend((host_.length(paths.block_submit) + host_.length(paths.scsi_buffer)) * command.pages);
  waiting_.push_back(command);
  issue();
}

void HostDisk::issue() {
  for (; !waiting_.empty() && !free_ids_.empty(); waiting_.pop_front(), free_ids_.pop_back()) {
    const Command& next = waiting_.front();
    hw::BlockCommand command;
    command.id = free_ids_.back();
    command.operation = next.write ? hw::BlockOperation::write : hw::BlockOperation::read;
    command.sector = next.page * kPageSectors;
    command.sectors = static_cast<u32>(std::min<u64>(next.pages * kPageSectors, sectors() - command.sector));
    std::array<hw::BlockSegment, hw::kMaxBlockSegments> segments;
    for (u32 left = command.sectors; left > 0; left -= segments[command.segment_count++].sectors) {
      segments[command.segment_count] = {kData, 0, static_cast<hv::u16>(std::min(left, kPageSectors))};
    }
    command.segments = segments.data();
    with_device_[command.id] = next;
    if (!device_.submit(command)) machine_.stop("the drive refused a command for which it had room");
  }
}

void HostDisk::interrupt() {
  const InHost in_host{machine_.running()};
  host_.spend(host_.paths().interrupt_dispatch);
  host_.spend(host_.paths().scsi_interrupt);
  for (hw::BlockCompletion completion; device_.next_completed(completion);) {
    free_ids_.push_back(completion.id);
    complete(with_device_[completion.id], completion.failed);
  }
  device_.interrupt_done();
  issue();
  write_back();
  advance();
}

// What could not be written is lost, as the host's user finds out in its log.
void HostDisk::complete(const Command& command, bool failed) {
  host_.spend(host_.paths().scsi_complete);
  host_.spend(host_.paths().block_release);
  host_.spend(host_.length(host_.paths().block_end) * command.pages);
  for (u64 page = command.page; page < command.page + command.pages; ++page) {
    if (command.write) cache_.written(page);
    if (!command.write && failed) cache_.forget(page);
  }
  if (command.write) {
    --writing_;
    return;
  }
  --awaited_;
  failed_ = failed_ || failed;
}

void HostDisk::add_metrics(std::vector<Metric>& metrics) const {
  const auto add = [&](const char* name, u64 value) { metrics.push_back({name, static_cast<s64>(value), ""}); };
  add("host.disk_calls", counts_.calls);
  add("host.disk_throttled", counts_.throttled);
  add("host.pages_found", counts_.pages_found);
  add("host.pages_read", counts_.pages_read);
  add("host.pages_written_back", counts_.pages_written_back);
  add("host.pages_dirty", cache_.dirty_pages() + cache_.writing_pages());
}

}  // namespace guest
