// The rings of the gigabit card as the tg3 driver of Linux 2.4 uses them, whichever kernel the driver is in: packets in
// and out, and every buffer that was taken posted again.
#pragma once

#include <functional>

#include "hardware/network_device.h"
#include "model/machine.h"
#include "sim/outside/outside_world.h"

namespace guest {

class CardRings {
 public:
  static constexpr hv::u32 kPollWeight = 64;  // packets that the driver takes in one poll

  CardRings(model::Machine& machine, hw::NetworkDevice& device) : machine_{machine}, device_{device} {}

  void start(const std::function<hv::MachineFrame()>& take_frame);  // posts the receive buffers
  hv::u32 interrupt_line() const { return device_.interrupt_line(); }
  hv::u64 mac_address() const { return device_.mac_address(); }

  bool transmit(const sim::Packet& packet);  // false: the ring is full
  hv::u32 take_transmitted();                // packets that the card is done with
  bool receive(sim::Packet& packet);         // false: none is there
  void interrupt_done() { device_.interrupt_done(); }

 private:
  model::Machine& machine_;
  hw::NetworkDevice& device_;
  // Where a packet to be sent lies, in one piece. The card reads the headers at once, and payload has no contents.
  hv::MachineFrame transmit_frame_;
};

}  // namespace guest
