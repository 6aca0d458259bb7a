// A virtual network interface: two rings shared with its domain, the receive buffers the domain has lent, its transmit
// credit, and where each of its packets ended.
#pragma once

#include "base/list.h"
#include "base/types.h"
#include "interface/control.h"
#include "interface/network.h"
#include "io/ring.h"
#include "memory/page_exchange.h"

namespace hv {

struct Domain;

// Where a packet, or a request that was meant to be one, ended.
enum class PacketFate : u8 {
  sent,      // on the wire
  switched,  // handed to another VIF of this machine
  received,  // in its domain's memory
  // Not a packet: answered with NetStatus::bad_page.
  bad_size,
  crosses_page,
  foreign_frame,
  malformed,         // header inconsistent, or longer than what is copied
  foreign_protocol,  // neither IP nor ARP, and not from domain 0
  // Dropped.
  no_route,  // no rule lets it through: a spoofed source ends here
  dropped_by_rule,
  no_buffer,        // its domain had posted none
  buffer_remapped,  // its domain has mapped something else where the posted buffer was
  no_frame,         // no frame of the core free to copy it into
  domain_gone,      // sender destroyed before the card was done
  count
};
// What the domain is told.
NetStatus status_of(PacketFate fate);

inline constexpr u32 kPacketFates = static_cast<u32>(PacketFate::count);

struct PacketCounts {
  u64 by_fate[kPacketFates] = {};
  void add(PacketFate fate) { ++by_fate[static_cast<u32>(fate)]; }
  void add(const PacketCounts& more) {
    for (u32 i = 0; i < kPacketFates; ++i) by_fate[i] += more.by_fate[i];
  }
  u64 operator[](PacketFate fate) const { return by_fate[static_cast<u32>(fate)]; }
  u64 total() const {
    u64 sum = 0;
    for (const u64 n : by_fate) sum += n;
    return sum;
  }
};

// Limit on what a VIF may send: `bytes` in each `period`, unused credit is not kept.
struct TransmitCredit {
  u32 bytes = 0;
  SystemTime period = 0;  // ns; 0: no limit
  u32 left = 0;
  SystemTime refilled = 0;

  // Takes a packet of `packet` bytes out of the credit and returns kNever; or, if it is not enough, the time to ask
  // again. A packet larger than the whole allowance goes with a full one, or it would wait for ever.
  SystemTime spend(u32 packet, SystemTime now);
};

// MAC addresses of VIFs are AA:00:00 and 24 bits of the VIF's id; the first of domain 0 has the card's.
inline constexpr u64 kVifMacPrefix = 0xaa0000;

struct VifQueueTag {};

// A VIF is idle, in the queue of those with packets to send, or in the list of those that wait for credit.
enum class TransmitState : u8 { idle, queued, awaits_credit };

struct Vif : ListNode<VifQueueTag> {
  Domain* domain = nullptr;
  u32 index = 0;
  u32 id = 0;  // vif_id(domain, index)
  u64 mac = 0;
  MachineFrame ring_frame;

  Ring<NetTransmitRequest, NetTransmitResponse, kNetRingSize> transmit_ring;
  Ring<NetReceiveRequest, NetReceiveResponse, kNetRingSize> receive_ring;

  TransmitState transmit_state = TransmitState::idle;
  TransmitCredit credit;
  SystemTime credit_due = kNever;  // when waiting for it
  bool request_held = false;       // taken from the ring, waits for credit
  NetTransmitRequest held_request{};

  // Buffers lent by the domain, oldest first; as many as the receive ring has requests outstanding.
  struct LentBuffer {
    PostedBuffer buffer;
    u16 request_id = 0;
  };
  LentBuffer buffers[kNetRingSize];
  u32 first_buffer = 0;  // free-running
  u32 buffer_count = 0;

  // Statistics. transmitted counts what was taken from the transmit ring, received what was routed to this VIF.
  u64 requests_taken = 0;
  PacketCounts transmitted, received;
  u64 transmitted_bytes = 0, received_bytes = 0;  // of packets sent or switched; of packets received
  u64 buffers_taken = 0, buffers_refused = 0;
};

}  // namespace hv
