// A server that sends every UDP datagram back to where it came from.
#pragma once

#include "workloads/programs/program.h"

namespace guest {

class UdpEcho final : public Program {
 public:
  explicit UdpEcho(std::uint16_t port) : port_{port} {}
  model::Task<> run(SystemCalls& calls) override;

 private:
  std::uint16_t port_;
};

}  // namespace guest
