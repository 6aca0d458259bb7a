// lmbench 3.0-a3: one test after the other, each in a process of its own that is executed afresh and forks the process
// that runs its loop.
//
// A result is in microseconds; beside it, under "<test>.<cause>", is what the CPUs spent the time of one iteration on,
// in cycles. Loops are sampled, and the median of the samples counts, as lmbench has it.
#pragma once

#include <vector>

#include "sim/time.h"
#include "workloads/programs/lmbench/suite.h"
#include "workloads/programs/program.h"
#include "workloads/spec.h"

namespace guest {

class Lmbench final : public Program {
 public:
  Lmbench(const LmbenchSettings& settings, const sim::Clock& clock);  // throws std::invalid_argument: no such test
  model::Task<> run(SystemCalls& calls) override;
  bool finished() const override { return finished_; }
  std::vector<ProgramResult> results() const override { return results_; }

  static constexpr u32 kResidentPages = 8192;  // files and processes, generously

 private:
  void install_files(Kernel& kernel);
  model::Task<Timing> measure(SystemCalls& calls, const TestPart& part);
  model::Task<> bench(SystemCalls& calls);
  model::Task<> hello(SystemCalls& calls);
  model::Task<> shell(SystemCalls& calls);
  BenchProcess describe(const StartUp& started) const;
  void report(const std::string& test, const Timing& timing);

  const ProcessShapes& shapes_;
  sim::Clock clock_;
  u32 samples_;
  std::vector<const LmbenchTest*> tests_;
  const TestPart* part_ = nullptr;  // that the bench program is to run
  std::vector<Timing> timings_;     // what it told
  bool finished_ = false;
  std::vector<ProgramResult> results_;
};

}  // namespace guest
