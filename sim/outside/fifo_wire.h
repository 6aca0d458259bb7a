// The exact outside world: every link is a FIFO at line rate, in integers. The default for single frames.
#pragma once

#include "sim/outside/ethernet_switch.h"

namespace sim {

class FifoWire final : public EthernetSwitch {
 public:
  // The queue outlives the wire.
  FifoWire(EventQueue& queue, const SwitchSettings& settings) : EthernetSwitch{queue, settings} {}

  void advance(Time) override {}  // everything it does is an event of the queue

 private:
  void carry(FrameId frame, StationId to, const Packet& packet) override;
};

}  // namespace sim
