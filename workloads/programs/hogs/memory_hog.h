// Wants 3 GB: takes memory piece by piece and uses every page of it, frees all when it gets no more, and starts again.
// A kernel that is out of memory may kill it; then whoever has started it starts it again.
#pragma once

#include <span>

#include "workloads/kernel/memory.h"
#include "workloads/programs/program.h"
#include "workloads/spec.h"

namespace guest {

std::span<const ResultInfo> memory_hog_results();

class MemoryHog final : public Program {
 public:
  explicit MemoryHog(const MemoryHogSettings& settings) : settings_{settings} {}
  model::Task<> run(SystemCalls& calls) override;
  std::vector<ProgramResult> results() const override;

 private:
  model::Task<> grab(SystemCalls& calls);

  MemoryHogSettings settings_;
  u64 pages_ = 0, failures_ = 0, starts_ = 0;
};

}  // namespace guest
