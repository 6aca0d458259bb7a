#include "metal/guest/packets.h"

namespace guest {

namespace {

constexpr u32 kMacBytes = 6, kEtherType = 12, kIp = 14, kIpLength = 16, kIpChecksum = 24, kIpSource = 26,
              kIpDestination = 30, kUdp = 34, kUdpLength = 38;
constexpr u32 kIpHeaderBytes = 20;

void put16(u8* to, u32 value) {
  to[0] = static_cast<u8>(value >> 8);
  to[1] = static_cast<u8>(value);
}
void put32(u8* to, u32 value) {
  put16(to, value >> 16);
  put16(to + 2, value);
}
u32 get16(const u8* from) { return u32{from[0]} << 8 | from[1]; }
u32 get32(const u8* from) { return get16(from) << 16 | get16(from + 2); }

u8 payload_byte(u32 index, u32 bytes, u8 seed) { return static_cast<u8>(index * 7 + bytes + seed); }

}  // namespace

void make_packet(u8* packet, u32 bytes, u32 from, u32 to, u8 seed) {
  constexpr u8 kUdpProtocol = 17, kTimeToLive = 64;
  for (u32 i = 0; i < kPacketHeaders; ++i) packet[i] = 0;
  packet[0] = 0x02;  // some station's: whoever gets the packet finds its own
  for (u32 i = 0; i < kMacBytes; ++i) packet[kMacBytes + i] = kForgedMac;
  put16(packet + kEtherType, 0x0800);
  packet[kIp] = 0x45;
  put16(packet + kIpLength, bytes - kIp);
  packet[kIp + 8] = kTimeToLive;
  packet[kIp + 9] = kUdpProtocol;
  put32(packet + kIpSource, host_address(from));
  put32(packet + kIpDestination, host_address(to));
  u32 sum = 0;
  for (u32 i = 0; i < kIpHeaderBytes; i += 2) sum += get16(packet + kIp + i);
  sum = (sum & 0xffff) + (sum >> 16);
  put16(packet + kIpChecksum, ~(sum + (sum >> 16)));
  put16(packet + kUdp, 7000);
  put16(packet + kUdp + 2, 7000);
  put16(packet + kUdpLength, bytes - kUdp);
  for (u32 i = kPacketHeaders; i < bytes; ++i) packet[i] = payload_byte(i, bytes, seed);
}

bool is_packet(const u8* packet, u32 bytes, u32 from, u32 to, u8 seed, u64 mac) {
  for (u32 i = 0; i < kMacBytes; ++i)
    if (packet[i] != static_cast<u8>(mac >> (40 - 8 * i))) return false;
  if (get16(packet + kIpLength) != bytes - kIp || get32(packet + kIpSource) != host_address(from) ||
      get32(packet + kIpDestination) != host_address(to))
    return false;
  for (u32 i = kPacketHeaders; i < bytes; ++i)
    if (packet[i] != payload_byte(i, bytes, seed)) return false;
  return true;
}

void turn_round(u8* packet) {
  const u32 source = get32(packet + kIpSource);
  put32(packet + kIpSource, get32(packet + kIpDestination));
  put32(packet + kIpDestination, source);
}

}  // namespace guest
