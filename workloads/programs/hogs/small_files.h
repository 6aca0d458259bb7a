// Makes small files, for ever, so many in one directory before it goes on with the next one: in the linear directories
// of ext3 each takes longer than the one before.
#pragma once

#include <span>
#include <string>

#include "workloads/kernel/memory.h"
#include "workloads/programs/program.h"
#include "workloads/spec.h"

namespace guest {

std::span<const ResultInfo> small_files_results();

class SmallFiles final : public Program {
 public:
  SmallFiles(const SmallFilesSettings& settings, std::string prefix)
      : settings_{settings}, prefix_{std::move(prefix)} {}
  model::Task<> run(SystemCalls& calls) override;
  std::vector<ProgramResult> results() const override;

 private:
  SmallFilesSettings settings_;
  std::string prefix_;  // of its directories
  u64 made_ = 0, failed_ = 0;
  double last_milliseconds_ = 0;  // that the latest file took
};

}  // namespace guest
