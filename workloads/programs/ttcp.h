// ttcp: a stream over TCP between a guest and a machine outside, as fast as it goes.
//
// Sends or receives so many bytes in calls of 8 KB with socket buffers of 128 KB. The result is the rate in the paper's
// unit, 2^20 bit/s. The first part of the stream fills the buffers and opens the windows and is not measured: of the
// 400 MB of the original it is nothing, of fewer it would be seen. Beside it, by cause, is what the CPUs spent on each
// full segment, in cycles.
#pragma once

#include <array>

#include "sim/time.h"
#include "workloads/programs/causes.h"
#include "workloads/programs/program.h"
#include "workloads/spec.h"

namespace guest {

class Ttcp final : public Program {
 public:
  static constexpr std::uint16_t kPort = 5001;
  static constexpr std::uint32_t kSocketBuffer = 128 << 10;
  static constexpr std::uint32_t kCallBytes = 8 << 10;  // ttcp's -l

  explicit Ttcp(const TtcpSettings& settings) : settings_{settings} {}
  model::Task<> run(SystemCalls& calls) override;
  bool finished() const override { return finished_; }
  std::vector<ProgramResult> results() const override { return results_; }

 private:
  struct Reading {
    sim::Time at;
    std::int64_t moved = 0;  // bytes
    std::array<std::int64_t, kCauses> causes{};
  };
  static Reading read_clock(SystemCalls& calls, std::int64_t moved);
  model::Task<std::int32_t> open(SystemCalls& calls);
  model::Task<> stream(SystemCalls& calls, std::int32_t socket);
  void report(const Reading& begin, const Reading& end);

  TtcpSettings settings_;
  bool finished_ = false;
  std::vector<ProgramResult> results_;
};

}  // namespace guest
