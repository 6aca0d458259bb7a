// Recorded disk workloads: what somebody asked of a disk and when, from the text logs of fio or the binary ones of
// blktrace. docs/traces.md has the rules for what their formats leave open.
#pragma once

#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "sim/time.h"

namespace guest {

struct DiskAccess {
  enum class Operation : std::uint8_t {
    read,
    write,
    sync,  // everything written before is to be on the disk
    trim,  // the contents are not needed any more
  };
  sim::Duration at;  // since the start of the recording; never before the access in front of it
  Operation operation = Operation::read;
  std::uint64_t offset = 0;  // bytes, as the length: whole sectors of 512, none for a sync
  std::uint64_t bytes = 0;
};

// "file:line: what is wrong" of a text log; of a binary one with the record's number in place of the line.
class DiskWorkloadError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// `path` is an iolog of fio (version 2 or 3), a blktrace file with the records of all CPUs, or the PREFIX of a set
// PREFIX.blktrace.0, .1, ... Of several devices in it, one must be named: as the iolog does, or "8,0" for blktrace.
std::vector<DiskAccess> load_disk_workload(const std::filesystem::path& path, const std::string& device = "");

}  // namespace guest
