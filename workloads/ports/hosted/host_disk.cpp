#include "workloads/ports/hosted/host_disk.h"

#include <algorithm>
#include <array>
#include <utility>

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

// --- processes -------------------------------------------------------------------------------------------------------

u32 HostDisk::add_process() {
  calls_.emplace_back();
  return static_cast<u32>(calls_.size() - 1);
}

void HostDisk::begin(u32 process, BlockDirection direction, u64 sector, u32 sectors) {
  const InHost in_host{machine_.running()};
  ++counts_.calls;
  host_.spend(host_.call_and_return());  // lseek
  host_.spend(host_.call());
  const u64 end = sector + sectors;
  const u64 first = sector / kPageSectors, last = (end - 1) / kPageSectors;
  calls_[process] = Call{.running = true,
                         .direction = direction,
                         .first_page = first,
                         .end_page = last + 1,
                         .bytes = sectors * hw::kSectorBytes};
  if (direction == BlockDirection::read) {
    read_missing(process, first, last + 1);
  } else {  // of a page that is not written whole the rest must be there
    if (sector % kPageSectors != 0) read_missing(process, first, first + 1);
    if (end % kPageSectors != 0) read_missing(process, last, last + 1);
  }
  advance(process);
}

void HostDisk::read_missing(u32 process, u64 first, u64 end) {
  for (u64 page = first; page < end;) {
    if (cache_.contains(page)) {
      cache_.use(page);
      ++counts_.pages_found;
      if (reading_ > 0) await_read(process, page);
      ++page;
      continue;
    }
    Command command{.page = page, .readers = u64{1} << process};
    for (; page < end && command.pages < hw::kMaxBlockSegments && !cache_.contains(page); ++page, ++command.pages) {
      cache_.insert(page);
    }
    counts_.pages_read += command.pages;
    ++calls_[process].awaited;
    ++reading_;
    submit(command);
  }
}

// A page that is there may still be on its way from the drive, for another process.
void HostDisk::await_read(u32 process, u64 page) {
  const auto wait_for = [&](Command& command) {
    const u64 reader = u64{1} << process;
    if (command.write || page < command.page || page >= command.page + command.pages) return;
    if ((command.readers & reader) == 0) ++calls_[process].awaited;
    command.readers |= reader;
  };
  std::for_each(with_device_.begin(), with_device_.end(), wait_for);
  std::for_each(waiting_.begin(), waiting_.end(), wait_for);
}

void HostDisk::advance(u32 process) {
  Call& call = calls_[process];
  if (!call.running || call.awaited > 0) return;
  if (!call.copied && !call.failed) copy(call);
  call.copied = true;
  write_back();
  if (percent_unclean() > kThrottlePercent) {
    ++counts_.throttled;
    return;
  }
  call.running = false;
}

void HostDisk::copy(const Call& call) {
  const auto& memory = machine_.file().memory;
  const bool write = call.direction == BlockDirection::write;
  for (u64 page = call.first_page; page < call.end_page; ++page) {
    host_.spend(host_.paths().page_cache);
    if (!write) continue;
    host_.spend(host_.paths().write_page);
    if (!cache_.insert(page)) machine_.stop("the host's cache has no page that it could give up");
    cache_.dirty(page, tick_);
  }
  const InHost in_host{machine_.running()};
  machine_.running().charge(
      model::MachineFile::cycles_for(write ? memory.copy_cached : memory.copy_uncached, call.bytes),
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
    Command command{.write = true, .page = *oldest, .pages = 1};
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
    complete(std::exchange(with_device_[completion.id], Command{}), completion.failed);
  }
  device_.interrupt_done();
  issue();
  write_back();
  for (u32 process = 0; process < calls_.size(); ++process) advance(process);
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
  --reading_;
  for (u32 process = 0; process < calls_.size(); ++process) {
    if ((command.readers >> process & 1) == 0) continue;
    --calls_[process].awaited;
    calls_[process].failed = calls_[process].failed || failed;
  }
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
