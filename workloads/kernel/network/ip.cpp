#include "workloads/kernel/network/ip.h"

#include <algorithm>

namespace guest {

namespace {

constexpr std::uint16_t kEtherTypeIp = 0x0800;
constexpr std::uint8_t kVersionAndLength = 0x45;  // IPv4, five words
constexpr std::uint8_t kTimeToLive = 64;
constexpr std::uint16_t kDoNotFragment = 0x4000;
constexpr std::uint16_t kMoreFragmentsOrOffset = 0x3fff;

// In 16-bit words from the first byte on; an odd last byte is the high half of its word.
std::uint32_t sum_of(std::span<const std::uint8_t> bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) sum += static_cast<std::uint32_t>(bytes[i]) << (i % 2 == 0 ? 8 : 0);
  return sum;
}

std::uint16_t folded(std::uint32_t sum) {
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

}  // namespace

std::uint16_t internet_checksum(std::span<const std::uint8_t> bytes) { return folded(sum_of(bytes)); }

std::uint16_t transport_checksum(const sim::Packet& frame, const IpPacket& packet) {
  const auto kept = behind_ip(frame);
  const auto known = kept.first(std::min<std::size_t>(kept.size(), packet.bytes));
  const std::uint32_t pseudo_header = (packet.source >> 16) + (packet.source & 0xffff) + (packet.destination >> 16) +
                                      (packet.destination & 0xffff) + static_cast<std::uint32_t>(packet.protocol) +
                                      packet.bytes;
  return folded(pseudo_header + sum_of(known));
}

sim::Packet build_ip(const IpPacket& packet) {
  sim::Packet frame;
  frame.bytes = static_cast<std::uint16_t>(kEthernetHeader + kIpHeader + packet.bytes);
  const std::span<std::uint8_t> header{frame.header};
  FieldWriter{header}.put(packet.destination_mac, 6).put(packet.source_mac, 6).put(kEtherTypeIp, 2);
  const auto ip = header.subspan(kEthernetHeader, kIpHeader);
  FieldWriter{ip}
      .put(kVersionAndLength, 1)
      .put(0, 1)  // type of service
      .put(kIpHeader + packet.bytes, 2)
      .put(packet.identification, 2)
      .put(kDoNotFragment, 2)
      .put(kTimeToLive, 1)
      .put(static_cast<std::uint8_t>(packet.protocol), 1)
      .put(0, 2)  // checksum, below
      .put(packet.source, 4)
      .put(packet.destination, 4);
  constexpr std::size_t kChecksumOffset = 10;
  FieldWriter{ip.subspan(kChecksumOffset)}.put(internet_checksum(ip), 2);
  return frame;
}

PacketError parse_ip(const sim::Packet& frame, IpPacket& packet) {
  if (frame.bytes < kEthernetHeader + kIpHeader) return PacketError::too_short;
  const std::span<const std::uint8_t> header{frame.header};
  const auto ip_bytes = header.subspan(kEthernetHeader, kIpHeader);
  FieldReader ethernet{header}, ip{ip_bytes};

  IpPacket parsed;
  parsed.destination_mac = ethernet.take(6);
  parsed.source_mac = ethernet.take(6);
  if (ethernet.take16() != kEtherTypeIp) return PacketError::not_ip;

  if (ip.take8() != kVersionAndLength) return PacketError::bad_ip_header;  // options are not ours
  ip.take8();
  const std::uint16_t length = ip.take16();
  parsed.identification = ip.take16();
  const std::uint16_t fragment = ip.take16();
  ip.take8();
  parsed.protocol = static_cast<IpProtocol>(ip.take8());
  ip.take16();
  parsed.source = ip.take32();
  parsed.destination = ip.take32();
  if (internet_checksum(ip_bytes) != 0) return PacketError::bad_checksum;
  // Short frames are padded on the wire, so the frame may be longer than the packet.
  if (length < kIpHeader || length + kEthernetHeader > frame.bytes) return PacketError::bad_length;
  if ((fragment & kMoreFragmentsOrOffset) != 0) return PacketError::bad_ip_header;
  parsed.bytes = static_cast<std::uint16_t>(length - kIpHeader);
  packet = parsed;
  return PacketError::none;
}

}  // namespace guest
