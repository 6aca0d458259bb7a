// The binary records of blktrace, as linux/blktrace_api.h describes them. What counts is what was asked of the block
// layer, the Q records, as for fio when it replays such a file: what became of it was another machine's affair.
#include <fmt/format.h>
#include <linux/blktrace_api.h>
#include <linux/types.h>

#include <algorithm>
#include <fstream>

#include "workloads/programs/recorded_accesses.h"

namespace guest {

namespace {

struct Queued {
  std::uint64_t nanoseconds;
  std::string device;
  DiskAccess access;
  std::size_t file;
  std::uint64_t record;
};

// Device numbers are major << 20 | minor here.
std::string device_name(std::uint32_t number) { return fmt::format("{},{}", number >> 20, number & 0xfffff); }

DiskAccess access_of(const blk_io_trace& record) {
  const auto category = record.action >> BLK_TC_SHIFT;
  DiskAccess access;
  access.offset = record.sector * 512;
  access.bytes = record.bytes;
  if ((category & BLK_TC_DISCARD) != 0) {
    access.operation = DiskAccess::Operation::trim;
  } else if ((category & BLK_TC_FLUSH) != 0 && record.bytes == 0) {
    access.operation = DiskAccess::Operation::sync;
  } else if ((category & BLK_TC_WRITE) != 0) {
    access.operation = DiskAccess::Operation::write;
  }
  return access;
}

void read_file(const std::string& name, std::size_t file, std::vector<Queued>& queued) {
  std::ifstream stream{name, std::ios::binary};
  if (!stream) throw DiskWorkloadError{name + ": cannot be read"};
  const std::uint64_t size = std::filesystem::file_size(name);
  std::uint64_t at = 0;
  for (std::uint64_t number = 1; at < size; ++number) {
    blk_io_trace record;
    if (size - at < sizeof record) fail(name, number, "the record is cut off");
    stream.read(reinterpret_cast<char*>(&record), sizeof record);
    at += sizeof record;
    if (record.magic == __builtin_bswap32(BLK_IO_TRACE_MAGIC | BLK_IO_TRACE_VERSION)) {
      fail(name, number, "written by a machine of the other byte order");
    }
    if (record.magic != (BLK_IO_TRACE_MAGIC | BLK_IO_TRACE_VERSION)) {
      fail(name, number, fmt::format("expected a record of version {}, got {:#x}", BLK_IO_TRACE_VERSION, record.magic));
    }
    if (size - at < record.pdu_len) fail(name, number, "the data of the record is cut off");
    stream.ignore(record.pdu_len);
    at += record.pdu_len;

    const auto category = record.action >> BLK_TC_SHIFT;
    const auto action = record.action & 0xffff & ~static_cast<std::uint32_t>(__BLK_TA_CGROUP);
    if (action != __BLK_TA_QUEUE || (category & (BLK_TC_NOTIFY | BLK_TC_PC)) != 0) continue;
    if (record.sector > UINT64_MAX / 512) fail(name, number, fmt::format("sector {}: no disk has it", record.sector));
    queued.push_back({record.time, device_name(record.device), access_of(record), file, number});
  }
}

}  // namespace

void read_blktrace(const std::vector<std::filesystem::path>& files, RecordedAccesses& accesses) {
  std::vector<Queued> queued;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < files.size(); ++i) {
    names.push_back(files[i].string());
    read_file(names[i], i, queued);
  }
  if (queued.empty()) return;
  const auto earlier = [](const Queued& a, const Queued& b) { return a.nanoseconds < b.nanoseconds; };
  const std::uint64_t start = std::min_element(queued.begin(), queued.end(), earlier)->nanoseconds;
  for (Queued& each : queued) {
    const std::string& file = names[each.file];
    each.access.at = recorded_time(file, each.record, each.nanoseconds - start);
    accesses.add(file, each.record, each.device, each.access);
  }
}

}  // namespace guest
