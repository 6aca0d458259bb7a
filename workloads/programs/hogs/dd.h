// dd if=/dev/zero of=FILE, for ever: a disk that never rests. The file is written to its size, emptied, and written
// again.
#pragma once

#include <span>
#include <string>

#include "sim/time.h"
#include "workloads/kernel/memory.h"
#include "workloads/programs/program.h"
#include "workloads/spec.h"

namespace guest {

std::span<const ResultInfo> dd_results();

class Dd final : public Program {
 public:
  Dd(const DdSettings& settings, std::string path) : settings_{settings}, path_{std::move(path)} {}
  model::Task<> run(SystemCalls& calls) override;
  std::vector<ProgramResult> results() const override;

 private:
  DdSettings settings_;
  std::string path_;
  sim::Time start_, last_;
  u64 bytes_ = 0;
};

}  // namespace guest
