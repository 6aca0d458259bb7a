// The clock around a benchmark's loop, as benchmp() of lmbench reads it: some samples of so many iterations each, after
// a few that warm up.
//
//   while (co_await timer.again(calls)) co_await calls.read(file, buffer, 1);
//
// lmbench subtracts what its clock and its empty loop take; here they take nothing, except that every iteration uses
// the pages of the loop, so that what a switch of address space did to the TLB is seen.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "model/code_map.h"
#include "model/cpu.h"
#include "model/task.h"

namespace guest {

class SystemCalls;

// Of one iteration, on average: its time, and what the CPUs spent it on.
struct Timing {
  double cycles = 0;
  std::array<double, static_cast<std::size_t>(model::Cause::count)> causes{};

  void add(const Timing& other, double factor);
};

Timing median(std::vector<Timing> timings);  // the middle one by time; of an even number the lower

class Timer {
 public:
  Timer(std::uint32_t iterations, std::uint32_t samples, std::vector<model::Sweep> loop)
      : iterations_{iterations}, samples_{samples}, loop_{std::move(loop)} {}

  // Before every iteration. False: there are enough.
  model::Task<bool> again(SystemCalls& calls);
  // How often again() says that there is one more.
  std::uint32_t iterations() const { return kWarmUp + iterations_ * samples_; }
  const std::vector<Timing>& timings() const { return timings_; }  // of each sample

 private:
  static constexpr std::uint32_t kWarmUp = 2;

  struct Reading {
    std::int64_t cycles = 0;
    std::array<std::int64_t, static_cast<std::size_t>(model::Cause::count)> causes{};
  };
  static Reading read(SystemCalls& calls);

  std::uint32_t iterations_, samples_;
  std::vector<model::Sweep> loop_;
  std::uint32_t begun_ = 0;  // iterations
  Reading sample_begin_;
  std::vector<Timing> timings_;
};

}  // namespace guest
