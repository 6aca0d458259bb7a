// The network card and the virtual interfaces: every packet between the wire and a domain, or between two domains.
//
// Sending copies the header out of the guest's reach, checks it, pins the page of the payload and hands both to the
// card; no payload is copied. VIFs with packets take turns, one packet each. Receiving exchanges pages: the frame that
// holds the packet becomes the domain's, and a frame the domain has lent becomes the core's. A domain without a buffer
// loses the packet, nobody else does. Packets between domains are copied once, into a frame of the core, and then
// received like any other.
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "base/list.h"
#include "base/types.h"
#include "caller.h"
#include "domain_table.h"
#include "events/event_channels.h"
#include "hardware/machine.h"
#include "io/firewall_router.h"
#include "io/vif.h"
#include "memory/memory_manager.h"
#include "time/system_clock.h"

namespace hv {

inline constexpr CpuId kDeviceCpu = 0;  // runs the timers of the devices

// Everything the card and the VIFs have seen, for the conservation check. See conserved().
struct NetworkAudit {
  u64 arrived = 0;         // packets taken from the card
  PacketCounts from_wire;  // where they went
  u64 taken = 0;           // transmit requests taken from rings, of VIFs past and present
  PacketCounts from_vifs;  // where they went
  u64 waiting = 0;         // taken, waiting for credit or for room in the card's ring
  u64 in_flight = 0;       // with the card
  PacketCounts to_vifs;    // packets routed to a VIF: received, or dropped on the way in
  u32 frames = 0;          // frames the core took for packets
  u32 frames_posted = 0;   // of them with the card
  u32 frames_spare = 0;

  // Nothing lost and nothing twice: every packet was delivered, dropped for a counted reason, or is still under way.
  bool conserved() const;
};

class Network {
 public:
  // Takes frames for the card's receive ring and fills it. `machine` may have no card: then there is local traffic
  // only.
  Network(hw::Machine& machine, Arena& arena, DomainTable& domains, MemoryManager& frames, RunStates& run_states,
          EventChannels& events, const SystemClock& clock);
  static u64 bytes_needed(u32 max_domains);  // of the arena, with two VIFs for each domain
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  // --- hypercall net_io_op ---
  // push: posts the receive buffers and sends the packets that the rings of `vif` hold. get_ring: {frame, MAC bits
  // 47..32, MAC bits 31..0} to `address`. invalid: no such VIF; not_implemented: no such operation; bad_address.
  HypercallResult net_io(Caller& caller, u32 op, u32 vif, u32 address);

  // --- the card's interrupt, and time ---
  void device_interrupt(hw::Cpu& cpu);
  SystemTime next_timer() const {  // earliest time at which a VIF gets new credit; kNever
    return waits_for_credit_.empty() ? kNever : first_credit();
  }
  void run_timers(SystemTime now);

  // --- control ---
  HypercallResult create_vif(Domain& domain, u32& index);  // no_space: it has 8; no_memory
  // Of a dying domain, before its memory is released: lent buffers go back to it, packets not yet with the card are
  // dropped, and those with the card keep their payload pinned until it is done.
  void destroy_vifs(Domain& domain);
  HypercallResult set_credit(Domain& domain, u32 vif, u32 bytes, u32 microseconds);  // 0 us: no limit. invalid
  HypercallResult add_rule(const NetworkRule& rule);                                 // invalid, no_space
  HypercallResult delete_rule(const NetworkRule& rule);                              // absent is success

  NetworkAudit audit() const;

 private:
  SystemTime first_credit() const;
  static constexpr u32 kMaxInFlight = 512;  // packets with the card at one time, if its ring has so much room

  // A packet that the card has, or will get as soon as its ring has room.
  struct InFlight {
    Vif* vif = nullptr;  // null: its domain is gone
    bool in_use = false;
    u16 request_id = 0;
    u32 packet_bytes = 0;
    MachineFrame payload;  // pinned; none: all of the packet was in the header
    u32 next_free = 0;
  };
  // Where a packet is to go: sent (to the card), switched (to `vif`), received (by `vif`), or why not.
  struct Route {
    PacketFate fate;
    Vif* vif = nullptr;
  };

  Vif* find_vif(u32 id) const;
  void notify(Vif& vif);
  void refill_card();

  // network_transmit.cpp
  void queue(Vif& vif);                    // if it is idle and has something to send
  void send_queued(hw::Cpu& cpu);          // until nobody has, or the card is full
  void send_next(hw::Cpu& cpu, Vif& vif);  // one packet
  Route route_outgoing(hw::Cpu& cpu, const Vif& vif, PacketHeader& header);
  bool copy_to_vif(hw::Cpu& cpu, Vif& to, const PacketHeader& header, MachineFrame frame, u32 offset);
  void hand_to_card(Vif& vif, u16 request_id, const PacketHeader& header, MachineFrame frame, u32 offset);
  void complete_transmit(u32 slot);
  void end_transmit(Vif& vif, u16 request_id, u32 packet_bytes, PacketFate fate);
  void abandon_transmits(Vif& vif);
  void release(u32 slot);
  FirewallRouter::Decision decide(hw::Cpu& cpu, const PacketKey& key, u32 source);

  // network_receive.cpp
  void post_buffers(hw::Cpu& cpu, Vif& vif);
  void receive(hw::Cpu& cpu, const hw::ReceiveCompletion& packet);
  Route route_incoming(hw::Cpu& cpu, const PacketHeader& header);
  // Leaves in `frame` the one that the core has afterwards.
  PacketFate deliver(hw::Cpu& cpu, Vif& vif, const PacketHeader& header, MachineFrame& frame);
  void return_buffers(Vif& vif);

  hw::Machine& machine_;
  hw::Memory& memory_;
  hw::NetworkDevice* card_;
  Arena& arena_;
  DomainTable& domains_;
  MemoryManager& frames_;
  PageExchange pages_;
  RunStates& run_states_;
  EventChannels& events_;
  const SystemClock& clock_;
  FirewallRouter rules_;

  List<Vif, VifQueueTag> queue_;  // with packets to send, next turn first
  List<Vif, VifQueueTag> waits_for_credit_;
  List<Vif, VifQueueTag> unused_vifs_;  // of domains that are gone

  InFlight* in_flight_ = nullptr;
  u32 free_in_flight_ = 0;
  hw::TransmitDescriptor refused_;  // by the card, whose ring was full; goes before everything else
  bool card_full_ = false;

  MachineFrame* spare_frames_ = nullptr;
  u32 spare_count_ = 0, posted_count_ = 0, frame_count_ = 0;  // frame_count_ == spare_count_ + posted_count_

  NetworkAudit past_;  // arrived, from_wire; and the counts of VIFs that are gone
};

}  // namespace hv
