#include "io/network.h"

#include "domain.h"
#include "interface/shared_info.h"

namespace hv {
namespace {

// Frames for the card's receive ring, if it takes so many, and frames kept back for packets between domains.
constexpr u32 kReceiveFrames = 512, kLocalFrames = 4;

constexpr u32 rules_for(u32 max_domains) { return 64 + 4 * max_domains; }

// Words of the shared-info page from the indexes of one VIF to those of the next.
constexpr u32 kIndexWords = sizeof(SharedNetworkIndexes) / 4;

RingPlace transmit_place(const Domain& domain, u32 vif, MachineFrame ring) {
  const u32 first = vif * kIndexWords;
  return {ring,
          kNetTransmitWord,
          domain.shared_info,
          first + HV_SHARED_WORD(vif[0].tx_request_producer),
          first + HV_SHARED_WORD(vif[0].tx_response_producer),
          first + HV_SHARED_WORD(vif[0].tx_event)};
}

RingPlace receive_place(const Domain& domain, u32 vif, MachineFrame ring) {
  const u32 first = vif * kIndexWords;
  return {ring,
          kNetReceiveWord,
          domain.shared_info,
          first + HV_SHARED_WORD(vif[0].rx_request_producer),
          first + HV_SHARED_WORD(vif[0].rx_response_producer),
          first + HV_SHARED_WORD(vif[0].rx_event)};
}

}  // namespace

u64 Network::bytes_needed(u32 max_domains) {
  return FirewallRouter::bytes_needed(rules_for(max_domains)) + kMaxInFlight * sizeof(InFlight) +
         (kReceiveFrames + kLocalFrames) * sizeof(MachineFrame) + 2 * u64{max_domains} * sizeof(Vif) + 256;
}

Network::Network(hw::Machine& machine, Arena& arena, DomainTable& domains, MemoryManager& frames, RunStates& run_states,
                 EventChannels& events, const SystemClock& clock)
    : machine_{machine},
      memory_{machine.memory()},
      card_{machine.network()},
      arena_{arena},
      domains_{domains},
      frames_{frames},
      pages_{frames},
      run_states_{run_states},
      events_{events},
      clock_{clock},
      rules_{arena, rules_for(domains.max_domains())},
      in_flight_{arena.make<InFlight>(kMaxInFlight)},
      spare_frames_{arena.make<MachineFrame>(kReceiveFrames + kLocalFrames)} {
  if (in_flight_ == nullptr || spare_frames_ == nullptr) machine.stop("no room for the network's tables");
  for (u32 slot = 0; slot < kMaxInFlight; ++slot) in_flight_[slot].next_free = slot + 1;

  const u32 wanted = card_ == nullptr ? kLocalFrames : kReceiveFrames + kLocalFrames;
  while (frame_count_ < wanted && spare_count_ <= kLocalFrames) {  // more left over: the card's ring is full
    const MachineFrame frame = frames_.allocate_core_frame();
    if (frame == MachineFrame::none()) machine.stop("no memory for the network card's receive ring");
    pages_.holds_zeros(frame);
    ++frame_count_;
    spare_frames_[spare_count_++] = frame;
    refill_card();
  }
}

// Keeps the card's ring as full as it gets. A frame that it has no room for stays and is offered again.
void Network::refill_card() {
  while (card_ != nullptr && spare_count_ > kLocalFrames && card_->post_receive(spare_frames_[spare_count_ - 1])) {
    --spare_count_;
    ++posted_count_;
  }
}

Vif* Network::find_vif(u32 id) const {
  const u32 index = id & 0xfff;
  Domain* domain = domains_.find(id >> 12);
  return domain == nullptr || index >= kMaxVifsPerDomain ? nullptr : domain->vifs[index];
}

void Network::notify(Vif& vif) { events_.send_virq(*vif.domain->vcpus[0], Virq::network); }

HypercallResult Network::net_io(Caller& caller, u32 op, u32 index, u32 address) {
  if (index >= kMaxVifsPerDomain || caller.domain.vifs[index] == nullptr) return Error::invalid;
  Vif& vif = *caller.domain.vifs[index];
  switch (static_cast<NetIoOp>(op)) {
    case NetIoOp::push:
      caller.cpu.work(hw::Step::vif_push);
      post_buffers(caller.cpu, vif);
      queue(vif);
      send_queued(caller.cpu);
      return HypercallResult::success();
    case NetIoOp::get_ring: {
      const u32 answer[3] = {vif.ring_frame.number(), high_word(vif.mac), low_word(vif.mac)};
      if (!caller.cpu.copy_to_guest(address, answer, sizeof answer)) return Error::bad_address;
      return HypercallResult::success();
    }
  }
  return Error::not_implemented;
}

void Network::device_interrupt(hw::Cpu& cpu) {
  cpu.work(hw::Step::card_poll);
  u32 slot = 0;
  for (; card_->next_transmitted(slot); complete_transmit(slot)) cpu.work(hw::Step::vif_complete);
  if (card_full_) card_full_ = !card_->transmit(refused_);
  hw::ReceiveCompletion packet;
  while (card_->next_received(packet)) receive(cpu, packet);
  card_->interrupt_done();
  send_queued(cpu);
}

SystemTime Network::first_credit() const {
  SystemTime earliest = kNever;
  waits_for_credit_.for_each([&](const Vif& vif) { earliest = earlier(earliest, vif.credit_due); });
  return earliest;
}

void Network::run_timers(SystemTime now) {
  waits_for_credit_.for_each([&](Vif& vif) {
    if (vif.credit_due > now) return;
    waits_for_credit_.remove(vif);
    vif.transmit_state = TransmitState::idle;
    queue(vif);
  });
  send_queued(clock_.cpu());
}

HypercallResult Network::create_vif(Domain& domain, u32& index) {
  for (index = 0; index < kMaxVifsPerDomain && domain.vifs[index] != nullptr;) ++index;
  if (index == kMaxVifsPerDomain) return Error::no_space;
  const MachineFrame ring = frames_.share_frame(domain);
  if (ring == MachineFrame::none()) return Error::no_memory;

  Vif* vif = unused_vifs_.front();
  if (vif != nullptr) {
    unused_vifs_.remove(*vif);
    new (vif) Vif();  // in place: it is larger than the stack of a CPU on metal
  } else if ((vif = arena_.make<Vif>()) == nullptr) {
    return Error::no_memory;  // the ring page is the domain's, and goes with it
  }
  vif->domain = &domain;
  vif->index = index;
  vif->id = vif_id(domain.id, index);
  const bool physical = domain.privileged && index == 0 && card_ != nullptr;
  vif->mac = physical ? card_->mac_address() : kVifMacPrefix << 24 | (vif->id & 0xffffff);
  vif->ring_frame = ring;
  vif->transmit_ring.open(transmit_place(domain, index, ring));
  vif->receive_ring.open(receive_place(domain, index, ring));
  domain.vifs[index] = vif;
  return HypercallResult::success();
}

void Network::destroy_vifs(Domain& domain) {
  run_states_.timer_moved(kDeviceCpu);  // there may be no credit left to wait for
  for (Vif*& entry : domain.vifs) {
    if (entry == nullptr) continue;
    Vif& vif = *entry;
    if (vif.transmit_state == TransmitState::queued) queue_.remove(vif);
    if (vif.transmit_state == TransmitState::awaits_credit) waits_for_credit_.remove(vif);
    abandon_transmits(vif);
    return_buffers(vif);
    past_.taken += vif.requests_taken;
    past_.from_vifs.add(vif.transmitted);
    past_.to_vifs.add(vif.received);
    entry = nullptr;
    unused_vifs_.push_back(vif);
  }
}

HypercallResult Network::set_credit(Domain& domain, u32 index, u32 bytes, u32 microseconds) {
  if (index >= kMaxVifsPerDomain || domain.vifs[index] == nullptr) return Error::invalid;
  TransmitCredit& credit = domain.vifs[index]->credit;
  credit.bytes = credit.left = bytes;
  credit.period = SystemTime{microseconds} * 1000;
  credit.refilled = clock_.now();
  return HypercallResult::success();
}

HypercallResult Network::add_rule(const NetworkRule& rule) { return rules_.add(rule); }

HypercallResult Network::delete_rule(const NetworkRule& rule) {
  rules_.remove(rule);
  return HypercallResult::success();
}

FirewallRouter::Decision Network::decide(hw::Cpu& cpu, const PacketKey& key, u32 source) {
  const FirewallRouter::Decision decision = rules_.decide(key, source);
  if (decision.rules_seen != 0) cpu.work(hw::Step::rule_match, decision.rules_seen);
  return decision;
}

NetworkAudit Network::audit() const {
  NetworkAudit audit = past_;
  domains_.for_each([&](const Domain& domain) {
    for (const Vif* vif : domain.vifs) {
      if (vif == nullptr) continue;
      audit.taken += vif->requests_taken;
      audit.from_vifs.add(vif->transmitted);
      audit.to_vifs.add(vif->received);
      audit.waiting += vif->request_held ? 1 : 0;
    }
  });
  for (u32 slot = 0; slot < kMaxInFlight; ++slot) audit.in_flight += in_flight_[slot].vif != nullptr ? 1 : 0;
  audit.frames = frame_count_;
  audit.frames_posted = posted_count_;
  audit.frames_spare = spare_count_;
  return audit;
}

bool NetworkAudit::conserved() const {
  const u64 for_vifs = from_wire[PacketFate::received] + from_wire[PacketFate::no_buffer] +
                       from_wire[PacketFate::buffer_remapped] + from_vifs[PacketFate::switched];
  return arrived == from_wire.total() && taken == from_vifs.total() + waiting + in_flight &&
         to_vifs.total() == for_vifs && frames == frames_posted + frames_spare;
}

}  // namespace hv
