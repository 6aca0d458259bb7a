// A machine outside that has a guest's program send to it, and counts what arrives.
//
// It asks by one datagram to the program's port, and again every 100 ms until the first answer: either may be lost.
#pragma once

#include <cstdint>

#include "sim/event_queue.h"
#include "sim/outside/outside_world.h"
#include "workloads/clients/udp_client.h"
#include "workloads/spec.h"

namespace guest {

class UdpReceiver final : private sim::Endpoint, private sim::EventHandler {
 public:
  // Attaches itself to the world by `link`. All references outlive it.
  UdpReceiver(const UdpClient::Addresses& addresses, const sim::LinkSettings& link, sim::EventQueue& queue,
              sim::OutsideWorld& world);

  void start(sim::Time at);

  std::uint64_t datagrams() const { return datagrams_; }
  std::uint64_t payload_bytes() const { return payload_bytes_; }

 private:
  void on_event(std::uint64_t word) override;  // asks
  void receive(const sim::Packet& packet, sim::Time at) override;

  UdpClient::Addresses addresses_;
  sim::EventQueue& queue_;
  sim::OutsideWorld& world_;
  sim::StationId station_;
  std::uint64_t datagrams_ = 0, payload_bytes_ = 0;
};

}  // namespace guest
