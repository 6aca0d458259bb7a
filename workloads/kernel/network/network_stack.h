// A kernel's network: what the driver receives goes to the protocol that it is for, and sockets send through here.
#pragma once

#include <array>
#include <deque>

#include "model/task.h"
#include "workloads/kernel/network/neighbours.h"
#include "workloads/kernel/network/tcp.h"
#include "workloads/kernel/network/udp.h"

namespace guest {

class Kernel;

class NetworkStack {
 public:
  NetworkStack(Kernel& kernel, IpAddress address)
      : kernel_{kernel}, udp_{address, neighbours_}, tcp_{kernel, address, neighbours_} {}

  // A packet from the driver, in deferred work; and out of an interrupt handler, for that work. False: too many wait.
  model::Task<> receive(sim::Packet packet);
  bool queue(const sim::Packet& packet);
  bool work_pending(u64 jiffy) const { return !queued_.empty() || tcp_.work_due(jiffy); }
  model::Task<> work();  // everything that is queued or due

  UdpSocket& bind_udp(std::uint16_t port);
  model::Task<Datagram> receive_from(UdpSocket& socket);
  model::Task<bool> send_to(UdpSocket& socket, SocketAddress to, Datagram contents);

  Neighbours& neighbours() { return neighbours_; }
  const UdpLayer& udp() const { return udp_; }
  TcpLayer& tcp() { return tcp_; }
  const TcpLayer& tcp() const { return tcp_; }
  u64 dropped() const { return dropped_; }  // because too many were queued

 private:
  void charge_payload(u32 bytes);

  Kernel& kernel_;
  Neighbours neighbours_;
  UdpLayer udp_;
  TcpLayer tcp_;
  std::deque<sim::Packet> queued_;
  // Those that the driver has lent to its card. One that is freed goes back to it at once, so they take turns.
  static constexpr std::size_t kLent = 256;
  std::array<PacketBuffer, kLent> lent_;
  std::size_t next_lent_ = 0;
  u64 dropped_ = 0;
};

}  // namespace guest
