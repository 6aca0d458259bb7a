// SPEC CINT2000: twelve programs, one after the other, which compute and hardly call the kernel.
//
// Of each program its start, a part of its memory and a sample of its work are simulated. What is simulated is the same
// all through the program's minutes, so its run time follows: the start as often as the program is executed, the pages
// in proportion, the work at the rate of the sample. A ratio is 100 times the reference time by the run time, the score
// their geometric mean, as SPEC has it.
#pragma once

#include <span>
#include <vector>

#include "model/code_map.h"
#include "workloads/programs/program.h"
#include "workloads/programs/spec_int/spec_int_profile.h"
#include "workloads/spec.h"

namespace guest {

std::span<const ResultInfo> spec_int_results();

class SpecInt final : public Program {
 public:
  SpecInt(const SpecIntSettings& settings, const sim::Clock& clock);
  model::Task<> run(SystemCalls& calls) override;
  bool finished() const override { return finished_; }
  std::vector<ProgramResult> results() const override;
  std::uint64_t resident_pages() const;

 private:
  struct Times {  // cycles
    double start = 0, pages = 0, work = 0;
  };
  model::Task<> run_one(SystemCalls& calls, const SpecIntProfile::Benchmark& benchmark, Times& times);
  double run_time(const SpecIntProfile::Benchmark& benchmark, const Times& times) const;  // s

  const SpecIntProfile& profile_;
  sim::Clock clock_;
  std::vector<Times> times_;  // of the programs that have run
  model::Footprint footprint_;
  bool finished_ = false;
};

}  // namespace guest
