// The page that the hypervisor shares with each domain: events and time. One frame, word-addressed.
//
// The structure gives the offsets; the core reaches the page through hw::Words, a guest through its mapping.
#pragma once

#include <cstddef>

#include "interface/events.h"

namespace hv {

// Each vCPU has its own selector, or an event for one would be lost to another that has yet to look at the same word.
// The ports of a word may be bound to different vCPUs; a handler takes those of its own.
struct SharedVcpu {
  u32 upcall_pending;    // 1: an unmasked port bound to this vCPU became pending since the guest last cleared it
  u32 upcall_mask;       // 1: no upcall. Set by the hypervisor when it delivers one
  u32 pending_selector;  // bit w: some port of word w bound to this vCPU may be pending
};

// Time as of the last refresh. Version protocol: the hypervisor increments version1, writes, increments version2. A
// reader takes version2, reads, and accepts if version1 still equals it.
struct SharedTime {
  u32 version1;
  u32 version2;
  u32 tsc_low, tsc_high;                    // cycle counter at the refresh
  u32 system_time_low, system_time_high;    // ns since boot at that instant
  u32 wall_seconds, wall_microseconds;      // wall clock at that instant
  u32 virtual_time_low, virtual_time_high;  // ns this vCPU has run; stands still while it does not
  u32 cycles_per_second_low, cycles_per_second_high;
};

struct SharedNetworkIndexes {  // of one VIF; free-running
  u32 tx_request_producer;     // guest
  u32 tx_response_producer;    // hypervisor
  u32 tx_event;                // guest: send an event when tx_response_producer reaches this
  u32 rx_request_producer;     // guest
  u32 rx_response_producer;    // hypervisor
  u32 rx_event;                // guest
};

struct SharedBlockIndexes {  // free-running
  u32 request_producer;      // guest
  u32 response_producer;     // hypervisor
  u32 event;                 // guest: send an event when response_producer reaches this
};

struct SharedInfo {
  SharedVcpu vcpu[kMaxVcpusPerDomain];
  u32 ports_pending[kMaxPorts / 32];
  u32 ports_mask[kMaxPorts / 32];
  SharedTime time[kMaxVcpusPerDomain];
  SharedNetworkIndexes vif[kMaxVifsPerDomain];
  SharedBlockIndexes block;
};
static_assert(sizeof(SharedInfo) <= kPageSize);

// Index of a field among the page's words, for hw::Words.
#define HV_SHARED_WORD(field) static_cast<::hv::u32>(offsetof(::hv::SharedInfo, field) / 4)

}  // namespace hv
