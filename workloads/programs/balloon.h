// What an administrator does who wants memory of a domain for others: after a while asks its balloon for as much as
// there is, and later gives it back.
#pragma once

#include <span>

#include "workloads/kernel/memory.h"
#include "workloads/programs/program.h"
#include "workloads/spec.h"

namespace guest {

std::span<const ResultInfo> balloon_results();

class BalloonProgram final : public Program {
 public:
  explicit BalloonProgram(const BalloonSettings& settings) : settings_{settings} {}
  model::Task<> run(SystemCalls& calls) override;
  bool finished() const override { return finished_; }
  std::vector<ProgramResult> results() const override;

 private:
  BalloonSettings settings_;
  u64 before_ = 0, least_ = 0, after_ = 0;  // bytes of the domain
  double seconds_ = 0;                      // until it was smallest
  bool finished_ = false;
};

}  // namespace guest
