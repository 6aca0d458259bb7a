// What a benchmark had its kernel do per unit of its work, for results and to be compared with counts of real programs.
#pragma once

#include <array>
#include <vector>

#include "workloads/kernel/kernel.h"
#include "workloads/programs/program.h"

namespace guest {

class ActivityPerUnit {
 public:
  static constexpr std::array kInfos{ResultInfo{"system_calls", "1"}, ResultInfo{"page_faults", "1"},
                                     ResultInfo{"forks", "1"}, ResultInfo{"switches", "1"}};

  void begin(const Kernel& kernel) { begin_ = kernel.activity(); }
  void end(const Kernel& kernel, double units) {
    const Kernel::Activity& now = kernel.activity();
    const auto per_unit = [units](u64 after, u64 before) { return static_cast<double>(after - before) / units; };
    const std::array values{per_unit(now.system_calls, begin_.system_calls),
                            per_unit(now.page_faults, begin_.page_faults), per_unit(now.forks, begin_.forks),
                            per_unit(now.switches, begin_.switches)};
    results_ = results_of(kInfos, values);
  }
  const std::vector<ProgramResult>& results() const { return results_; }  // empty before end()

 private:
  Kernel::Activity begin_;
  std::vector<ProgramResult> results_;
};

}  // namespace guest
