#include "io/packet.h"

namespace hv {
namespace {

constexpr u32 kEthernetBytes = 14;
constexpr u32 kTypeIp = 0x0800, kTypeArp = 0x0806;
constexpr u8 kIpTcp = 6, kIpUdp = 17;

// Field offsets from the start of the packet.
constexpr u32 kEtherType = 12, kIp = kEthernetBytes, kIpLength = 16, kIpFragment = 20, kIpProtocol = 23, kIpSource = 26,
              kIpDestination = 30;
constexpr u32 kArpFormat = 14, kArpSizes = 18, kArpSender = 28, kArpTarget = 38;

bool read_arp(const PacketHeader& header, PacketKey& key) {
  if (header.packet_bytes < kArpBytes) return false;
  const bool ethernet_ip = header.big_endian32(kArpFormat) == (1u << 16 | kTypeIp);
  if (!ethernet_ip || header.big_endian16(kArpSizes) != 0x0604) return false;
  key.protocol = PacketProtocol::arp;
  key.source_address = header.big_endian32(kArpSender);
  key.destination_address = header.big_endian32(kArpTarget);
  return true;
}

bool read_ip(const PacketHeader& header, PacketKey& key) {
  const u32 version = header.bytes[kIp] >> 4, header_bytes = (header.bytes[kIp] & 15u) * 4;
  const u32 ip_bytes = header.big_endian16(kIpLength);
  if (version != 4 || header_bytes < 20 || ip_bytes < header_bytes) return false;
  if (ip_bytes > header.packet_bytes - kEthernetBytes) return false;

  key.protocol = PacketProtocol::ip;
  key.source_address = header.big_endian32(kIpSource);
  key.destination_address = header.big_endian32(kIpDestination);
  const u8 transport = header.bytes[kIpProtocol];
  if (transport != kIpTcp && transport != kIpUdp) return true;

  key.protocol = transport == kIpTcp ? PacketProtocol::tcp : PacketProtocol::udp;
  const bool first_fragment = (header.big_endian16(kIpFragment) & 0x1fff) == 0;
  if (!first_fragment) return true;
  const u32 ports = kIp + header_bytes;
  if (ip_bytes < header_bytes + 4 || ports + 4 > header.copied) return false;
  key.has_ports = true;
  key.source_port = header.big_endian16(ports);
  key.destination_port = header.big_endian16(ports + 2);
  return true;
}

}  // namespace

void put_mac(u8* to, u64 mac) {
  const u32 high = high_word(mac), low = low_word(mac);
  to[0] = static_cast<u8>(high >> 8);
  to[1] = static_cast<u8>(high);
  to[2] = static_cast<u8>(low >> 24);
  to[3] = static_cast<u8>(low >> 16);
  to[4] = static_cast<u8>(low >> 8);
  to[5] = static_cast<u8>(low);
}

bool PacketHeader::is_arp() const { return copied >= kArpBytes && big_endian16(kEtherType) == kTypeArp; }

bool read_key(const PacketHeader& header, PacketKey& key) {
  key = PacketKey{};
  if (header.packet_bytes < kEthernetBytes + 20) return false;
  switch (header.big_endian16(kEtherType)) {
    case kTypeIp:
      return read_ip(header, key);
    case kTypeArp:
      return read_arp(header, key);
    default:
      return true;
  }
}

// A word's bytes in memory order: both sides are little-endian x86. Whole words, but for the ends.
void load_bytes(hw::Words frame, u32 offset, u8* to, u32 bytes) {
  const u32 end = offset + bytes;
  const auto load_some = [&](u32 until) {
    for (const u32 word = frame.load(offset / 4); offset < until; ++offset) {
      *to++ = static_cast<u8>(word >> offset % 4 * 8);
    }
  };
  const u32 first_whole = (offset + 3) & ~3u;
  if (offset < first_whole) load_some(first_whole < end ? first_whole : end);
  u32 index = offset / 4;
  for (const u32 last = end / 4; index < last; ++index, to += 4) {
    const u32 word = frame.load(index);
    __builtin_memcpy(to, &word, 4);
  }
  if (offset < index * 4) offset = index * 4;
  if (offset < end) load_some(end);
}

void store_bytes(hw::Words frame, u32 offset, const u8* from, u32 bytes) {
  const u32 end = offset + bytes;
  const auto store_some = [&](u32 until) {
    const u32 index = offset / 4;
    u32 word = frame.load(index);
    for (; offset < until; ++offset) {
      const u32 shift = offset % 4 * 8;
      word = (word & ~(0xffu << shift)) | u32{*from++} << shift;
    }
    frame.store(index, word);
  };
  const u32 first_whole = (offset + 3) & ~3u;
  if (offset < first_whole) store_some(first_whole < end ? first_whole : end);
  u32 index = offset / 4;
  for (const u32 last = end / 4; index < last; ++index, from += 4) {
    u32 word;
    __builtin_memcpy(&word, from, 4);
    frame.store(index, word);
  }
  if (offset < index * 4) offset = index * 4;
  if (offset < end) store_some(end);
}

PacketHeader copy_header(hw::Words frame, u32 offset, u32 packet_bytes) {
  PacketHeader header;
  header.packet_bytes = packet_bytes;
  header.copied = packet_bytes < kHeaderCopy ? packet_bytes : kHeaderCopy;
  load_bytes(frame, offset, header.bytes, header.copied);
  return header;
}

}  // namespace hv
