// A server that sends every UDP datagram back to where it came from.
#pragma once

#include "workloads/programs/program.h"

namespace guest {

class UdpEcho final : public Program {
 public:
  explicit UdpEcho(std::uint16_t port) : port_{port} {}
  model::Task<> run(SystemCalls& calls) override;
  std::uint64_t answered() const { return answered_; }

 private:
  std::uint16_t port_;
  std::uint64_t answered_ = 0;
};

}  // namespace guest
