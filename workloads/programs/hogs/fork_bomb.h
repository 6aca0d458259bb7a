// while (1) fork(): every process that it makes does the same, until the kernel makes no more. Then all of them are
// runnable for ever, and call for another one.
#pragma once

#include <span>

#include "workloads/kernel/memory.h"
#include "workloads/programs/program.h"
#include "workloads/spec.h"

namespace guest {

std::span<const ResultInfo> fork_bomb_results();

class ForkBomb final : public Program {
 public:
  explicit ForkBomb(const ForkBombSettings& settings) : settings_{settings} {}
  model::Task<> run(SystemCalls& calls) override;
  std::vector<ProgramResult> results() const override;

 private:
  model::Task<> fork_for_ever(SystemCalls& calls, bool child);

  ForkBombSettings settings_;
  u64 forks_ = 0, refused_ = 0;
};

}  // namespace guest
