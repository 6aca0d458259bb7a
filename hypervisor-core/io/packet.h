// The part of a packet that the hypervisor looks at: its first bytes, copied out of the guest's reach, and the fields
// in them that firewall-router rules can name.
#pragma once

#include "base/types.h"
#include "hardware/memory.h"

namespace hv {

inline constexpr u32 kHeaderCopy = 64;  // Ethernet 14 + IP 20..46 + the ports; what a card takes beside the payload

inline constexpr u32 kMacBytes = 6;
void put_mac(u8* to, u64 mac);  // in the order of the wire

struct PacketHeader {
  u8 bytes[kHeaderCopy] = {};
  u32 copied = 0;        // of `bytes`
  u32 packet_bytes = 0;  // the whole packet, Ethernet header included

  bool is_arp() const;
  void set_mac(u32 offset, u64 mac) { put_mac(bytes + offset, mac); }
  u32 big_endian16(u32 offset) const { return u32{bytes[offset]} << 8 | bytes[offset + 1]; }
  u32 big_endian32(u32 offset) const { return big_endian16(offset) << 16 | big_endian16(offset + 2); }
};

// Offsets of fields that are rewritten.
inline constexpr u32 kDestinationMac = 0, kSourceMac = 6, kArpSenderMac = 22, kArpTargetMac = 32;
inline constexpr u32 kArpBytes = 42;

enum class PacketProtocol : u8 { other, arp, ip, tcp, udp };

// What rules are matched against. Host order.
struct PacketKey {
  PacketProtocol protocol = PacketProtocol::other;
  bool has_ports = false;                           // false: not TCP or UDP, or a later fragment
  u32 source_address = 0, destination_address = 0;  // of ARP: sender and target
  u32 source_port = 0, destination_port = 0;
};

// False if the packet is not what its type says it is, or if a field that rules look at was not copied: such a packet
// could slip past a rule, so it goes nowhere.
bool read_key(const PacketHeader& header, PacketKey& key);

// Bytes of a frame, through its words.
void load_bytes(hw::Words frame, u32 offset, u8* to, u32 bytes);
void store_bytes(hw::Words frame, u32 offset, const u8* from, u32 bytes);

// The first bytes of the packet of `packet_bytes` at `offset` of `frame`.
PacketHeader copy_header(hw::Words frame, u32 offset, u32 packet_bytes);

}  // namespace hv
