#include "workloads/kernel/network/network_stack.h"

#include <fmt/format.h>

#include "workloads/kernel/kernel.h"

namespace guest {

namespace {

// Linux 2.4, net/core/dev.c: netdev_max_backlog.
constexpr std::size_t kMostQueued = 300;

}  // namespace

bool NetworkStack::queue(const sim::Packet& packet) {
  if (queued_.size() >= kMostQueued) {
    ++dropped_;
    return false;
  }
  queued_.push_back(packet);
  return true;
}

model::Task<> NetworkStack::work() {
  while (!queued_.empty()) {
    const sim::Packet packet = queued_.front();
    queued_.pop_front();
    co_await receive(packet);
  }
  if (tcp_.work_due(kernel_.ticks())) co_await tcp_.work();
}

model::Task<> NetworkStack::receive(sim::Packet packet) {
  kernel_.packet_tap().see(packet, kernel_.cpu().now());
  PacketBuffer& buffer = lent_[next_lent_++ % kLent];
  kernel_.objects().use(buffer.head, ObjectKind::packet);
  kernel_.objects().use(buffer.data, ObjectKind::packet_data);
  IpPacket ip;
  if (parse_ip(packet, ip) == PacketError::none && ip.protocol == IpProtocol::tcp) {
    co_await tcp_.receive(packet);
    co_return;
  }
  kernel_.charge(kernel_.paths().udp_receive);
  if (Process* reader = udp_.deliver(packet)) kernel_.wake(*reader);
}

// --- UDP -------------------------------------------------------------------------------------------------------------

void NetworkStack::charge_payload(u32 bytes) {
  const auto& memory = kernel_.machine().file().memory;
  kernel_.cpu().charge(model::MachineFile::cycles_for(memory.copy_cached, bytes), model::Cause::bytes);
  const NetworkInterface* network = kernel_.port().network();
  if (network != nullptr && !network->computes_checksums()) {
    kernel_.cpu().charge(model::MachineFile::cycles_for(memory.checksum_cached, bytes + kUdpHeader),
                         model::Cause::bytes);
  }
}

UdpSocket& NetworkStack::bind_udp(std::uint16_t port) {
  UdpSocket* socket = udp_.bind(port);
  if (socket == nullptr) kernel_.panic(fmt::format("UDP port {} is taken", port));
  return *socket;
}

model::Task<Datagram> NetworkStack::receive_from(UdpSocket& socket) {
  kernel_.charge(kernel_.paths().socket_receive);
  while (socket.received.empty()) co_await kernel_.sleep_on(socket.readers);
  Datagram datagram = udp_.take(socket);
  charge_payload(datagram.payload_bytes);
  co_return datagram;
}

model::Task<bool> NetworkStack::send_to(UdpSocket& socket, SocketAddress to, Datagram contents) {
  kernel_.charge(kernel_.paths().socket_send);
  NetworkInterface* network = kernel_.port().network();
  if (network == nullptr) co_return false;
  while (!socket.send_buffer->has_room()) co_await kernel_.sleep_on(socket.send_buffer->writers);
  charge_payload(contents.payload_bytes);
  kernel_.charge(kernel_.paths().udp_send);
  const auto packet = udp_.build(socket, to, contents, network->mac_address());
  if (!packet) co_return false;
  co_return co_await kernel_.transmit_queue().send(*packet, socket.send_buffer, UdpLayer::buffer_bytes(contents));
}

}  // namespace guest
