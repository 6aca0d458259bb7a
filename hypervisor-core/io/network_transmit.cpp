// The way out: from a VIF's transmit ring to the card, or across to another VIF.
#include "base/planted.h"
#include "domain.h"
#include "io/network.h"

namespace hv {

void Network::queue(Vif& vif) {
  if (vif.transmit_state != TransmitState::idle) return;
  if (!vif.request_held && vif.transmit_ring.waiting(memory_) == 0) return;
  vif.transmit_state = TransmitState::queued;
  queue_.push_back(vif);
}

void Network::send_queued(hw::Cpu& cpu) {
  while (!card_full_ && free_in_flight_ != kMaxInFlight) {
    Vif* vif = queue_.front();
    if (vif == nullptr) return;
    queue_.remove(*vif);
    vif->transmit_state = TransmitState::idle;
    send_next(cpu, *vif);
    queue(*vif);  // behind the others
  }
}

void Network::send_next(hw::Cpu& cpu, Vif& vif) {
  if (!vif.request_held) {
    vif.held_request = vif.transmit_ring.take(memory_);
    ++vif.requests_taken;
  }
  vif.request_held = false;
  const NetTransmitRequest request = vif.held_request;
  const auto end = [&](PacketFate fate) { end_transmit(vif, request.id, request.bytes, fate); };

  cpu.work(hw::Step::vif_transmit);
  if (request.bytes < kMinPacket || request.bytes > kMaxPacket) return end(PacketFate::bad_size);
  vif.credit_due = vif.credit.spend(request.bytes, clock_.now());
  if (vif.credit_due != kNever) {
    vif.request_held = true;
    vif.transmit_state = TransmitState::awaits_credit;
    waits_for_credit_.push_back(vif);
    run_states_.timer_moved(kDeviceCpu);
    return;
  }
  const MachineFrame frame = MachineFrame::of_address(request.machine_address);
  const u32 offset = request.machine_address % kPageSize;
  if (offset + request.bytes > kPageSize) return end(PacketFate::crosses_page);
  if (!pages_.hold_payload(*vif.domain, frame)) return end(PacketFate::foreign_frame);

  // From here on only the copy of the header counts, whatever the guest does to its page.
  PacketHeader header = copy_header(memory_.window(frame), offset, request.bytes);
  Route route = route_outgoing(cpu, vif, header);
  if (route.fate == PacketFate::sent) return hand_to_card(vif, request.id, header, frame, offset);
  if (route.fate == PacketFate::switched && !copy_to_vif(cpu, *route.vif, header, frame, offset)) {
    route.fate = PacketFate::no_frame;
  }
  pages_.release_payload(frame);
  end(route.fate);
}

// A packet may leave if a rule accepts it as what it claims to be, from this VIF. What may leave is then looked at
// as if it came in from the wire, so that a domain of this machine gets it without a detour.
Network::Route Network::route_outgoing(hw::Cpu& cpu, const Vif& vif, PacketHeader& header) {
  const bool trusted = vif.domain->privileged;
  PacketKey key;
  if (!read_key(header, key)) return {PacketFate::malformed};
  if (key.protocol == PacketProtocol::other && !(trusted && vif.index == 0)) return {PacketFate::foreign_protocol};

  // All VIFs share the card's address on the wire. Writing it here leaves nothing to forge.
  const u64 mac = card_ != nullptr ? card_->mac_address() : vif.mac;
  header.set_mac(kSourceMac, mac);
  if (key.protocol == PacketProtocol::arp) header.set_mac(kArpSenderMac, mac);

  const FirewallRouter::Decision leave = decide(cpu, key, vif.id);
  if (leave.matched && leave.action == RuleAction::drop) return {PacketFate::dropped_by_rule};
  if (!leave.matched && !trusted && !HV_PLANTED(spoofed_source)) return {PacketFate::no_route};
  if (leave.matched && leave.destination != kVifPhysical) {
    Vif* to = find_vif(leave.destination);
    return to == nullptr ? Route{PacketFate::no_route} : Route{PacketFate::switched, to};
  }
  const FirewallRouter::Decision local = decide(cpu, key, kVifPhysical);
  if (local.matched && local.action == RuleAction::accept && local.destination != vif.id) {
    if (Vif* to = find_vif(local.destination); to != nullptr) return {PacketFate::switched, to};
  }
  return {card_ == nullptr ? PacketFate::no_route : PacketFate::sent};
}

// False: no frame to copy it into. Whether the receiver then takes it is the receiver's affair.
bool Network::copy_to_vif(hw::Cpu& cpu, Vif& to, const PacketHeader& header, MachineFrame frame, u32 offset) {
  if (spare_count_ == 0) return false;
  const MachineFrame copy = spare_frames_[--spare_count_];
  store_bytes(memory_.frame(copy), 0, header.bytes, header.copied);
  for (u32 done = header.copied; done < header.packet_bytes;) {
    u8 piece[256];  // one frame at a time is within reach
    const u32 left = header.packet_bytes - done, bytes = left < sizeof piece ? left : sizeof piece;
    load_bytes(memory_.window(frame), offset + done, piece, bytes);
    store_bytes(memory_.frame(copy), done, piece, bytes);
    done += bytes;
  }
  cpu.work(hw::Step::packet_word, (header.packet_bytes + 3) / 4);
  MachineFrame left = copy;
  deliver(cpu, to, header, left);
  if (left == copy) pages_.holds_leftovers(left);
  spare_frames_[spare_count_++] = left;
  return true;
}

void Network::hand_to_card(Vif& vif, u16 request_id, const PacketHeader& header, MachineFrame frame, u32 offset) {
  const u32 slot = free_in_flight_;
  InFlight& packet = in_flight_[slot];
  free_in_flight_ = packet.next_free;
  packet = {&vif, true, request_id, header.packet_bytes, frame, 0};

  hw::TransmitDescriptor descriptor;
  descriptor.id = slot;
  descriptor.header_bytes = header.copied;
  __builtin_memcpy(descriptor.header, header.bytes, header.copied);
  if (HV_PLANTED(header_left_in_page)) {
    descriptor.header_bytes = 0;
    descriptor.payload_frame = frame;
    descriptor.payload_offset = offset;
    descriptor.payload_bytes = header.packet_bytes;
  } else if (header.copied == header.packet_bytes) {
    pages_.release_payload(frame);
    packet.payload = MachineFrame::none();
  } else {
    descriptor.payload_frame = frame;
    descriptor.payload_offset = offset + header.copied;
    descriptor.payload_bytes = header.packet_bytes - header.copied;
  }
  if (card_->transmit(descriptor)) return;
  refused_ = descriptor;
  card_full_ = true;
}

void Network::complete_transmit(u32 slot) {
  if (slot >= kMaxInFlight || !in_flight_[slot].in_use) machine_.stop("the card completed a packet it was not given");
  InFlight& packet = in_flight_[slot];
  if (packet.vif != nullptr) {
    end_transmit(*packet.vif, packet.request_id, packet.packet_bytes, PacketFate::sent);
    queue(*packet.vif);  // while something is outstanding the guest adds requests without a hypercall
  }
  release(slot);
}

void Network::release(u32 slot) {
  InFlight& packet = in_flight_[slot];
  if (packet.payload != MachineFrame::none() && !HV_PLANTED(payload_kept)) pages_.release_payload(packet.payload);
  packet = InFlight{};
  packet.next_free = free_in_flight_;
  free_in_flight_ = slot;
}

void Network::end_transmit(Vif& vif, u16 request_id, u32 packet_bytes, PacketFate fate) {
  vif.transmitted.add(fate);
  if (status_of(fate) == NetStatus::ok) vif.transmitted_bytes += packet_bytes;
  const NetTransmitResponse response{request_id, static_cast<u8>(status_of(fate)), 0, 0};
  if (vif.transmit_ring.respond(memory_, response)) notify(vif);
}

// The domain dies. What the card already has, it sends from pinned pages; nobody will be told.
void Network::abandon_transmits(Vif& vif) {
  if (vif.request_held) vif.transmitted.add(PacketFate::domain_gone);
  for (u32 slot = 0; slot < kMaxInFlight; ++slot) {
    if (in_flight_[slot].vif != &vif) continue;
    vif.transmitted.add(PacketFate::domain_gone);
    in_flight_[slot].vif = nullptr;
    if (card_full_ && refused_.id == slot) {
      card_full_ = false;
      release(slot);
    }
  }
}

}  // namespace hv
