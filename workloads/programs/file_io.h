// Reads or writes one file through the file system, and measures how long its calls and its fsyncs take: what the page
// cache answers at once, and what waits for the disk.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "sim/random.h"
#include "sim/statistics.h"
#include "workloads/kernel/descriptors.h"
#include "workloads/kernel/memory.h"
#include "workloads/programs/program.h"
#include "workloads/spec.h"

namespace guest {

std::span<const ResultInfo> file_io_results();

class FileIo final : public Program {
 public:
  // `stream` names its file and its random numbers.
  FileIo(const FileIoSettings& settings, std::string stream, sim::Random random);
  model::Task<> run(SystemCalls& calls) override;
  bool finished() const override { return finished_; }
  std::vector<ProgramResult> results() const override;

  u64 resident_pages() const { return settings_.block_bytes / hv::kPageSize + 1; }

 private:
  struct Call {
    bool write;
    u64 offset;
  };
  bool wants_more() const;
  model::Task<> transfer(SystemCalls& calls, Descriptor file, u32 buffer, Call call);
  model::Task<> sync(SystemCalls& calls, Descriptor file);

  FileIoSettings settings_;
  std::string path_;
  std::string stream_;
  sim::Random random_;

  sim::Time start_, last_;  // of the last call's end
  u64 done_ = 0, bytes_ = 0, failed_ = 0;
  sim::Histogram call_nanoseconds_, sync_nanoseconds_;
  bool finished_ = false;
};

}  // namespace guest
