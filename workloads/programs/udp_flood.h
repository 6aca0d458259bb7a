// A sender of UDP datagrams without end, as fast as its socket takes them or at a rate: what a load generator is.
#pragma once

#include "workloads/programs/program.h"
#include "workloads/spec.h"

namespace guest {

class UdpFlood final : public Program {
 public:
  explicit UdpFlood(const UdpFloodSettings& settings) : settings_{settings} {}
  model::Task<> run(SystemCalls& calls) override;

 private:
  UdpFloodSettings settings_;
};

}  // namespace guest
