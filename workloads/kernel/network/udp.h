// UDP sockets of one kernel: datagrams queue at the socket bound to their port until a process reads them.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <optional>

#include "workloads/kernel/memory.h"
#include "workloads/kernel/network/datagram.h"
#include "workloads/kernel/network/neighbours.h"
#include "workloads/kernel/network/transmit_queue.h"
#include "workloads/kernel/wait_queue.h"

namespace guest {

struct UdpSocket {
  std::uint16_t port = 0;
  std::deque<Datagram> received;
  u32 buffered_bytes = 0;  // charged to the receive buffer
  WaitQueue readers;
  std::shared_ptr<SendBuffer> send_buffer = std::make_shared<SendBuffer>();
  u64 datagrams = 0, dropped = 0;
};

class UdpLayer {
 public:
  // net.core.rmem_default of Linux 2.4 on i386, and what a queued packet counts beyond its bytes (struct sk_buff).
  static constexpr u32 kReceiveBuffer = 65'535;
  static constexpr u32 kPacketOverhead = 160;

  // What a datagram counts in a socket's buffers.
  static constexpr u32 buffer_bytes(const Datagram& datagram) {
    return kDatagramHeaders + datagram.payload_bytes + kPacketOverhead;
  }

  UdpLayer(IpAddress address, Neighbours& neighbours) : address_{address}, neighbours_{neighbours} {}
  IpAddress address() const { return address_; }

  // Null when the port is taken.
  UdpSocket* bind(std::uint16_t port);

  // A frame from the driver. Answers the process to wake, if any. Learns who sits behind the sender's IP address.
  Process* deliver(const sim::Packet& packet);
  // The oldest datagram of a socket that has one.
  Datagram take(UdpSocket& socket);

  // A reply's frame: from our address to `to`. Nothing when the neighbour was never heard of.
  std::optional<sim::Packet> build(const UdpSocket& from, SocketAddress to, const Datagram& contents,
                                   MacAddress own_mac);

  // What did not get to a socket, by reason.
  u64 rejected(PacketError error) const { return rejected_[static_cast<std::size_t>(error)]; }
  u64 not_ours() const { return not_ours_; }
  u64 no_socket() const { return no_socket_; }
  u64 buffer_full() const;

 private:
  IpAddress address_;
  Neighbours& neighbours_;
  std::map<std::uint16_t, UdpSocket> sockets_;
  std::uint16_t next_identification_ = 1;
  std::array<u64, static_cast<std::size_t>(PacketError::count)> rejected_{};
  u64 not_ours_ = 0, no_socket_ = 0;
};

}  // namespace guest
