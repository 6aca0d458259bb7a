// The way in: receive buffers from domains, packets from the card or from another VIF, and the exchange of their pages.
#include "domain.h"
#include "io/network.h"

namespace hv {

void Network::post_buffers(hw::Cpu& cpu, Vif& vif) {
  for (u32 waiting = vif.receive_ring.waiting(memory_); waiting != 0; --waiting) {
    const NetReceiveRequest request = vif.receive_ring.take(memory_);
    cpu.work(hw::Step::vif_post_buffer);
    Vif::LentBuffer& lent = vif.buffers[(vif.first_buffer + vif.buffer_count) % kNetRingSize];
    if (pages_.take_buffer(*vif.domain, request.entry_address, lent.buffer)) {
      lent.request_id = request.id;
      ++vif.buffer_count;
      ++vif.buffers_taken;
      continue;
    }
    ++vif.buffers_refused;
    const NetReceiveResponse refusal{request.id, 0, static_cast<u8>(NetStatus::bad_page), 0, 0};
    if (vif.receive_ring.respond(memory_, refusal)) notify(vif);
  }
}

void Network::receive(hw::Cpu& cpu, const hw::ReceiveCompletion& packet) {
  cpu.work(hw::Step::packet_arrive);
  --posted_count_;
  ++past_.arrived;
  MachineFrame frame = packet.frame;
  const PacketHeader header = copy_header(memory_.window(frame), 0, packet.bytes);
  Route route = route_incoming(cpu, header);
  if (route.vif != nullptr) route.fate = deliver(cpu, *route.vif, header, frame);
  past_.from_wire.add(route.fate);
  if (frame == packet.frame) pages_.holds_leftovers(frame);
  spare_frames_[spare_count_++] = frame;
  refill_card();
}

// What no rule claims goes to domain 0, whose stack knows what to do with it.
Network::Route Network::route_incoming(hw::Cpu& cpu, const PacketHeader& header) {
  PacketKey key;
  if (header.packet_bytes > kMaxPacket) return {PacketFate::bad_size};
  if (!read_key(header, key)) return {PacketFate::malformed};
  const FirewallRouter::Decision decision = decide(cpu, key, kVifPhysical);
  if (decision.matched && decision.action == RuleAction::drop) return {PacketFate::dropped_by_rule};
  Vif* to = find_vif(decision.matched ? decision.destination : vif_id(kDomain0, 0));
  return to == nullptr ? Route{PacketFate::no_route} : Route{PacketFate::received, to};
}

PacketFate Network::deliver(hw::Cpu& cpu, Vif& vif, const PacketHeader& header, MachineFrame& frame) {
  if (vif.buffer_count == 0) {
    vif.received.add(PacketFate::no_buffer);
    return PacketFate::no_buffer;
  }
  cpu.work(hw::Step::vif_receive);
  const Vif::LentBuffer& lent = vif.buffers[vif.first_buffer++ % kNetRingSize];
  --vif.buffer_count;

  // The wire knows one address for all VIFs; each domain sees its own.
  const hw::Words words = memory_.window(frame);
  u8 mac[kMacBytes];
  put_mac(mac, vif.mac);
  const bool to_group = (header.bytes[kDestinationMac] & 1) != 0;
  if (!to_group) store_bytes(words, kDestinationMac, mac, kMacBytes);
  if (header.is_arp()) store_bytes(words, kArpTargetMac, mac, kMacBytes);

  bool delivered = false;
  frame = pages_.give_packet(cpu, *vif.domain, lent.buffer, frame, header.packet_bytes, delivered);
  const PacketFate fate = delivered ? PacketFate::received : PacketFate::buffer_remapped;
  vif.received.add(fate);
  if (delivered) vif.received_bytes += header.packet_bytes;
  const NetReceiveResponse response{lent.request_id, static_cast<u16>(delivered ? header.packet_bytes : 0),
                                    static_cast<u8>(status_of(fate)), 0, 0};
  if (vif.receive_ring.respond(memory_, response)) notify(vif);
  return fate;
}

void Network::return_buffers(Vif& vif) {
  for (; vif.buffer_count != 0; --vif.buffer_count) {
    pages_.return_buffer(*vif.domain, vif.buffers[vif.first_buffer++ % kNetRingSize].buffer);
  }
}

}  // namespace hv
