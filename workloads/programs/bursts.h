// A program that computes for a while and then sleeps until a tick of its kernel, for ever: what a server or a game
// loop looks like to a scheduler, and also one that wants to be away whenever somebody looks.
#pragma once

#include "model/code_map.h"
#include "sim/time.h"
#include "workloads/programs/program.h"
#include "workloads/spec.h"

namespace guest {

class Bursts final : public Program {
 public:
  static constexpr std::uint32_t kResidentPages = 16;

  Bursts(const BurstSettings& settings, const sim::Clock& clock)
      : burst_{clock.cycles_in(settings.compute)}, sleep_ticks_{settings.sleep_ticks} {}
  model::Task<> run(SystemCalls& calls) override;

 private:
  sim::Cycles burst_;
  std::uint64_t sleep_ticks_;
};

}  // namespace guest
