// The ports of one domain: what each is bound to, and the counts that prove that no event got lost.
//
// The pending and mask bits that the guest sees are in the shared-info page; this is the core's side of them. Ports
// come in blocks of 32, one per word of those bits, and a block is carved from the arena when its first port is used.
#pragma once

#include "base/types.h"
#include "interface/events.h"

namespace hv {

inline constexpr u32 kPortsPerBlock = 32;

struct EventPort {
  PortState state = PortState::closed;
  bool outstanding = false;  // the core set the pending bit and has not yet seen it clear again
  u8 vcpu = 0;               // who gets the upcall
  u16 remote_domain = 0;     // unbound: who may bind; interdomain: the peer
  u16 remote_port = 0;       // interdomain
  u16 number = 0;            // VIRQ, physical IRQ, or vCPU of an IPI
};

struct PortBlock {
  EventPort ports[kPortsPerBlock];
};

// Every send ends in exactly one of these, so sent == merged + delivered + dropped + (ports outstanding).
struct EventCounts {
  u64 sent = 0;       // calls of set_pending
  u64 merged = 0;     // found the pending bit set: the guest sees one event for both
  u64 delivered = 0;  // the guest cleared the pending bit
  u64 dropped = 0;    // still pending when the port was closed or the domain died
  u64 upcalls = 0;    // bounces to the event callback

  EventCounts& operator+=(const EventCounts& more) {
    sent += more.sent;
    merged += more.merged;
    delivered += more.delivered;
    dropped += more.dropped;
    upcalls += more.upcalls;
    return *this;
  }
};

struct EventPorts {
  PortBlock* blocks[kMaxPorts / kPortsPerBlock] = {};
  u16 virq_port[kMaxVcpusPerDomain][static_cast<u32>(Virq::count)] = {};  // 0: not bound
  EventCounts counts;

  // Null beyond the blocks in use: such a port is closed.
  EventPort* find(u32 port) {
    if (port >= kMaxPorts || blocks[port / kPortsPerBlock] == nullptr) return nullptr;
    return &blocks[port / kPortsPerBlock]->ports[port % kPortsPerBlock];
  }
};

}  // namespace hv
