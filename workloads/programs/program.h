// A program: the user side of a process, as a coroutine that reads like the benchmark it models.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/task.h"

namespace guest {

class SystemCalls;

// What a benchmark has measured, in the unit that it reports.
struct ProgramResult {
  std::string name;
  double value;
  std::string unit;
};

// The same before it is measured.
struct ResultInfo {
  std::string_view name, unit;
};

// The first of `infos` with their values; what a run has nothing to say about comes last there.
inline std::vector<ProgramResult> results_of(std::span<const ResultInfo> infos, std::span<const double> values) {
  std::vector<ProgramResult> results;
  for (std::size_t i = 0; i < values.size(); ++i) {
    results.push_back({std::string{infos[i].name}, values[i], std::string{infos[i].unit}});
  }
  return results;
}

class Program {
 public:
  virtual ~Program() = default;
  // Each object is one process, which exits when this returns.
  virtual model::Task<> run(SystemCalls& calls) = 0;

  // Cycles of finished useful work, without what memory and kernel made of it.
  std::int64_t useful_cycles() const { return useful_cycles_; }
  bool running() const { return running_; }  // past its start-up

  // A benchmark is finished when it has all its results; other programs go on for ever.
  virtual bool finished() const { return false; }
  virtual std::vector<ProgramResult> results() const { return {}; }

 protected:
  void count_work(std::int64_t cycles) { useful_cycles_ += cycles; }
  void started() { running_ = true; }

 private:
  std::int64_t useful_cycles_ = 0;
  bool running_ = false;
};

// As the kernel is told of it when it boots.
struct NamedProgram {
  std::string name;
  Program* program;
  std::uint64_t start_ticks = 0;  // of the kernel's timer, for which its process sleeps first
};

}  // namespace guest
