#include "workloads/kernel/network/udp.h"

namespace guest {

UdpSocket* UdpLayer::bind(std::uint16_t port) {
  const auto [place, fresh] = sockets_.try_emplace(port);
  if (!fresh) return nullptr;
  place->second.port = port;
  return &place->second;
}

Process* UdpLayer::deliver(const sim::Packet& packet) {
  Datagram datagram;
  if (const PacketError error = parse_packet(packet, datagram); error != PacketError::none) {
    ++rejected_[static_cast<std::size_t>(error)];
    return nullptr;
  }
  if (datagram.destination.address != address_) {
    ++not_ours_;
    return nullptr;
  }
  neighbours_.learn(datagram.source.address, datagram.source_mac);
  const auto place = sockets_.find(datagram.destination.port);
  if (place == sockets_.end()) {
    ++no_socket_;
    return nullptr;
  }
  UdpSocket& socket = place->second;
  const u32 charge = buffer_bytes(datagram);
  if (socket.buffered_bytes + charge > kReceiveBuffer) {
    ++socket.dropped;
    return nullptr;
  }
  socket.buffered_bytes += charge;
  ++socket.datagrams;
  socket.received.push_back(datagram);
  return socket.readers.take_first();
}

u64 UdpLayer::buffer_full() const {
  u64 sum = 0;
  for (const auto& [port, socket] : sockets_) sum += socket.dropped;
  return sum;
}

Datagram UdpLayer::take(UdpSocket& socket) {
  const Datagram datagram = socket.received.front();
  socket.received.pop_front();
  socket.buffered_bytes -= buffer_bytes(datagram);
  return datagram;
}

std::optional<sim::Packet> UdpLayer::build(const UdpSocket& from, SocketAddress to, const Datagram& contents,
                                           MacAddress own_mac) {
  const std::optional<MacAddress> neighbour = neighbours_.find(to.address);
  if (!neighbour) return std::nullopt;
  Datagram datagram = contents;
  datagram.source_mac = own_mac;
  datagram.destination_mac = *neighbour;
  datagram.source = {address_, from.port};
  datagram.destination = to;
  datagram.identification = next_identification_++;
  return build_packet(datagram);
}

}  // namespace guest
