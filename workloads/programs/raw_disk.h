// Reads or writes a disk through its raw device, by a pattern or as a recorded workload says, and measures how long
// each request takes: what fio is to Linux, without a page cache in between. Several requests at one time are so many
// processes.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sim/random.h"
#include "sim/statistics.h"
#include "workloads/kernel/memory.h"
#include "workloads/programs/disk_workload.h"
#include "workloads/programs/program.h"
#include "workloads/spec.h"

namespace guest {

std::span<const ResultInfo> raw_disk_results();

class RawDisk final : public Program {
 public:
  // Of the disk that the kernel knows as `disk`; `stream` names the random numbers of this program. Throws
  // DiskWorkloadError for a trace that cannot be read.
  RawDisk(const RawDiskSettings& settings, const std::string& disk, u64 disk_bytes, std::string stream,
          sim::Random random);
  model::Task<> run(SystemCalls& calls) override;
  bool finished() const override { return finished_; }
  std::vector<ProgramResult> results() const override;

  u64 resident_pages() const;
  static constexpr u32 kMostBytes = 16 << 20;  // of one request

  const sim::Histogram& latencies() const { return nanoseconds_; }
  u64 failed() const { return failed_; }

 private:
  struct Request {
    bool write;
    u64 offset;
    u32 bytes;
    sim::Duration not_before;  // since the start
  };
  std::optional<Request> next(sim::RandomStream& random);
  std::optional<Request> next_recorded();
  model::Task<> work(SystemCalls& calls, u32 worker);
  model::Task<> wait_until(SystemCalls& calls, sim::Time time);

  RawDiskSettings settings_;
  std::string path_;
  u64 blocks_;  // of the disk
  std::string stream_;
  sim::Random random_;
  std::vector<DiskAccess> recorded_;
  u64 largest_;  // request, in bytes

  std::optional<sim::Time> start_;
  sim::Time last_;
  u64 begun_ = 0, bytes_ = 0, failed_ = 0, next_block_ = 0;
  sim::Histogram nanoseconds_;
  bool finished_ = false;
};

}  // namespace guest
