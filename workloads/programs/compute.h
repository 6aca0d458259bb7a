// A program that computes for ever, with the memory behaviour of a profile.
#pragma once

#include "model/code_map.h"
#include "sim/time.h"
#include "workloads/profiles/profile.h"
#include "workloads/programs/program.h"

namespace guest {

class ComputeProgram final : public Program {
 public:
  ComputeProgram(const ComputeProfile& profile, const sim::Clock& clock);
  model::Task<> run(SystemCalls& calls) override;

 private:
  std::uint32_t resident_bytes_;
  sim::Cycles work_unit_;
  model::Footprint start_up_;  // every page once
  model::Footprint steady_;
};

}  // namespace guest
