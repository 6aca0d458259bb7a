#include "experiments/traces/blktrace_writer.h"

#include <linux/blktrace_api.h>
#include <algorithm>

#include <cerrno>

namespace runner {

namespace {

// Linux's numbers: major << 20 | minor, 16 minors for the partitions of each disk.
constexpr std::uint32_t device_number(std::uint32_t major, std::uint32_t disk) { return major << 20 | disk << 4; }
constexpr std::uint32_t kScsiMajor = 8;
constexpr std::uint32_t kXenMajor = 202;
constexpr std::uint32_t kSectorBytes = 512;

bool is_scsi_disk(const std::string& name) {
  return name.size() == 3 && name.starts_with("sd") && name[2] >= 'a' && name[2] <= 'p';
}

std::uint32_t action_of(const model::BlockTraceEvent& event) {
  using Action = model::BlockTraceEvent::Action;
  switch (event.action) {
    case Action::queued:
      return BLK_TA_QUEUE;
    case Action::merged:
      return BLK_TA_BACKMERGE;
    case Action::got:
      return BLK_TA_GETRQ;
    case Action::inserted:
      return BLK_TA_INSERT;
    case Action::issued:
      return BLK_TA_ISSUE;
    case Action::completed:
      return BLK_TA_COMPLETE;
  }
  __builtin_unreachable();
}

// The bit of a flush today was that of a barrier when there were barriers (Linux 2.6).
std::uint32_t category_of(const model::BlockTraceEvent& event) {
  return static_cast<std::uint32_t>(event.write ? BLK_TC_WRITE : BLK_TC_READ) |
         static_cast<std::uint32_t>(event.barrier ? BLK_TC_FLUSH : 0);
}

}  // namespace

BlktraceWriter::BlktraceWriter(const std::filesystem::path& prefix) : prefix_{prefix.string()} {
  std::error_code none;
  for (std::size_t n = 0; std::filesystem::remove(file_of(n), none); ++n) continue;
}

std::filesystem::path BlktraceWriter::file_of(std::size_t device) const {
  return prefix_ + ".blktrace." + std::to_string(device);
}

model::BlockTrace::DeviceId BlktraceWriter::add_device(const std::string& name) {
  const auto id = static_cast<DeviceId>(devices_.size());
  const std::uint32_t number = is_scsi_disk(name) ? device_number(kScsiMajor, static_cast<std::uint32_t>(name[2] - 'a'))
                                                  : device_number(kXenMajor, id);
  devices_.push_back({number, BinaryFile{file_of(id)}});
  note(id, BLK_TN_TIMESTAMP, 0, std::string_view{"\0\0\0\0\0\0\0\0", 8});  // time 0 is the start of 1970
  note(id, BLK_TN_MESSAGE, 0, name);
  return id;
}

// Every kernel counts its processes from 1.
std::uint32_t BlktraceWriter::process_of(DeviceId device, const model::BlockTraceEvent& event) {
  if (event.process == 0) return 0;
  const auto [entry, first] =
      processes_.emplace(std::pair{device, event.process}, static_cast<std::uint32_t>(processes_.size()) + 1);
  if (first && !event.process_name.empty()) {
    note(device, BLK_TN_PROCESS, entry->second, std::string{event.process_name} + '\0');
  }
  return entry->second;
}

void BlktraceWriter::event(DeviceId device, const model::BlockTraceEvent& event, sim::Time at) {
  Event kept{device, process_of(device, event), event};
  kept.event.process_name = {};  // the text is the caller's
  events_.add(at, kept);
}

void BlktraceWriter::passed(sim::Time now) {
  events_.release(now, [this](sim::Time at, const Event& event) { write(at, event); });
}

void BlktraceWriter::write(sim::Time at, const Event& event) {
  const model::BlockTraceEvent& what = event.event;
  Device& device = devices_[event.device];
  device.file.u32(BLK_IO_TRACE_MAGIC | BLK_IO_TRACE_VERSION).u32(++device.sequence);
  // blkrawverify takes two records of one nanosecond for time that runs back.
  device.last_ns = std::max(static_cast<std::uint64_t>(at.since_start().nanoseconds()), device.last_ns + 1);
  device.file.u64(device.last_ns);
  device.file.u64(what.sector).u32(what.sectors * kSectorBytes);
  device.file.u32(action_of(what) | category_of(what) << BLK_TC_SHIFT);
  device.file.u32(event.process).u32(device.number).u32(event.device);
  device.file.u16(what.failed ? EIO : 0).u16(0);
}

void BlktraceWriter::note(DeviceId id, std::uint32_t kind, std::uint32_t process, std::string_view text) {
  Device& device = devices_[id];
  device.file.u32(BLK_IO_TRACE_MAGIC | BLK_IO_TRACE_VERSION).u32(++device.sequence).u64(0).u64(0).u32(0);
  device.file.u32(kind).u32(process).u32(device.number).u32(id).u16(0);
  device.file.u16(static_cast<std::uint16_t>(text.size())).text(text);
}

void BlktraceWriter::finish() {
  passed(sim::Time::never());
  for (Device& device : devices_) device.file.close();
}

void BlktraceWriter::discard() {
  for (Device& device : devices_) device.file.remove();
}

}  // namespace runner
