// The outside world by SimGrid: each station's link downwards is a SimGrid link, and frames are its communications.
//
// SimGrid's fluid model shares a link between what is on it at a time; it does not queue. So frames queue on our side
// (the switch's output FIFO) and enter SimGrid one after the other at line rate: without other traffic they arrive when
// they do on the FIFO wire. Our loop is the master; SimGrid is moved only up to a frame's injection and to its own next
// date.
//
// SimGrid allows one engine per process, ever: the second SimGridWorld of a process throws.
#pragma once

#include <memory>

#include "sim/outside/ethernet_switch.h"

namespace sim {

class SimGridWorld final : public EthernetSwitch {
 public:
  // The queue outlives the world. Dates of both start at 0.
  SimGridWorld(EventQueue& queue, const SwitchSettings& settings);
  ~SimGridWorld() override;

  StationId attach(Endpoint& endpoint, const LinkSettings& link) override;
  void advance(Time until) override;

 private:
  struct Engine;  // everything of SimGrid, seen by the .cpp alone: its headers take long to compile

  void carry(FrameId frame, StationId to, const Packet& packet) override;

  std::unique_ptr<Engine> engine_;
};

}  // namespace sim
