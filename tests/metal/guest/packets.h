// UDP packets of the test kernels: what they look like to the other end is tests/metal/wire.py's business too.
#pragma once

#include "base/types.h"

namespace guest {

using namespace hv;  // NOLINT

// 10.0.0.N: domain N, and on the wire the host that sends everything back.
constexpr u32 host_address(u32 number) { return 10u << 24 | number; }
inline constexpr u32 kWireHost = 100;

inline constexpr u32 kPacketHeaders = 42;  // Ethernet, IP, UDP
inline constexpr u32 kForgedMac = 0x66;    // every byte of the source address that packets are given: nobody's

// Writes the headers and a payload that follows from `bytes` and `seed`. `bytes` as Ethernet counts, without FCS.
void make_packet(u8* packet, u32 bytes, u32 from, u32 to, u8 seed);
// Whether this is that very packet, as it is delivered to a domain with this address.
bool is_packet(const u8* packet, u32 bytes, u32 from, u32 to, u8 seed, u64 mac);
// The way back: addresses exchanged.
void turn_round(u8* packet);

}  // namespace guest
