#include "workloads/clients/udp_receiver.h"

namespace guest {

namespace {

constexpr sim::Duration kAskAgain = sim::Duration::milliseconds(100);

}  // namespace

UdpReceiver::UdpReceiver(const UdpClient::Addresses& addresses, const sim::LinkSettings& link, sim::EventQueue& queue,
                         sim::OutsideWorld& world)
    : addresses_{addresses}, queue_{queue}, world_{world}, station_{world.attach(*this, link)} {}

void UdpReceiver::start(sim::Time at) { queue_.schedule(at, *this, 0); }

void UdpReceiver::on_event(std::uint64_t) {
  if (datagrams_ > 0) return;
  Datagram request;
  request.source_mac = addresses_.own_mac;
  request.destination_mac = addresses_.target_mac;
  request.source = addresses_.own;
  request.destination = addresses_.target;
  world_.send(station_, build_packet(request), queue_.now());
  queue_.schedule(queue_.now() + kAskAgain, *this, 0);
}

void UdpReceiver::receive(const sim::Packet& packet, sim::Time) {
  Datagram datagram;
  if (parse_packet(packet, datagram) != PacketError::none) return;
  if (datagram.destination_mac != addresses_.own_mac || datagram.destination != addresses_.own) return;
  if (datagram.source != addresses_.target) return;
  ++datagrams_;
  payload_bytes_ += datagram.payload_bytes;
}

}  // namespace guest
