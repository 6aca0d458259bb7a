#include "workloads/kernel/network/datagram.h"

#include <algorithm>

namespace guest {

namespace {

constexpr std::size_t kChecksumOffset = 6;
constexpr std::uint16_t kNoChecksum = 0, kZeroChecksum = 0xffff;  // RFC 768

}  // namespace

sim::Packet build_packet(const Datagram& datagram) {
  const auto udp_length = static_cast<std::uint16_t>(kUdpHeader + datagram.payload_bytes);
  const IpPacket ip{datagram.source_mac,
                    datagram.destination_mac,
                    datagram.source.address,
                    datagram.destination.address,
                    datagram.identification,
                    IpProtocol::udp,
                    udp_length};
  sim::Packet frame = build_ip(ip);
  const auto udp = behind_ip(frame);
  FieldWriter{udp}.put(datagram.source.port, 2).put(datagram.destination.port, 2).put(udp_length, 2).put(0, 2);
  const std::size_t kept = std::min<std::size_t>(datagram.payload_bytes, Datagram::kKeptBytes);
  std::copy_n(datagram.payload.begin(), kept, udp.begin() + kUdpHeader);
  const std::uint16_t checksum = transport_checksum(frame, ip);
  FieldWriter{udp.subspan(kChecksumOffset)}.put(checksum == kNoChecksum ? kZeroChecksum : checksum, 2);
  return frame;
}

PacketError parse_packet(const sim::Packet& frame, Datagram& datagram) {
  IpPacket ip;
  if (const PacketError error = parse_ip(frame, ip); error != PacketError::none) return error;
  if (ip.protocol != IpProtocol::udp) return PacketError::not_udp;
  if (ip.bytes < kUdpHeader) return PacketError::bad_length;
  const auto bytes = behind_ip(frame);
  FieldReader udp{bytes};
  Datagram parsed;
  parsed.source_mac = ip.source_mac;
  parsed.destination_mac = ip.destination_mac;
  parsed.identification = ip.identification;
  parsed.source = {ip.source, udp.take16()};
  parsed.destination = {ip.destination, udp.take16()};
  const std::uint16_t length = udp.take16();
  if (length < kUdpHeader || length > ip.bytes) return PacketError::bad_length;
  if (udp.take16() != kNoChecksum && transport_checksum(frame, ip) != 0) return PacketError::bad_checksum;
  parsed.payload_bytes = static_cast<std::uint16_t>(length - kUdpHeader);
  const std::size_t kept = std::min<std::size_t>(parsed.payload_bytes, Datagram::kKeptBytes);
  std::copy_n(bytes.begin() + kUdpHeader, kept, parsed.payload.begin());
  datagram = parsed;
  return PacketError::none;
}

}  // namespace guest
