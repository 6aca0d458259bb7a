#include "workloads/kernel/network/packet.h"

#include <algorithm>

namespace guest {

namespace {

constexpr std::uint16_t kEtherTypeIp = 0x0800;
constexpr std::uint8_t kVersionAndLength = 0x45;  // IPv4, five words
constexpr std::uint8_t kTimeToLive = 64;
constexpr std::uint8_t kProtocolUdp = 17;
constexpr std::uint16_t kDoNotFragment = 0x4000;
constexpr std::uint16_t kMoreFragmentsOrOffset = 0x3fff;

// Big-endian fields one after the other.
class Writer {
 public:
  explicit Writer(std::span<std::uint8_t> to) : to_{to} {}
  Writer& put(std::uint64_t value, std::size_t bytes) {
    for (std::size_t i = bytes; i-- > 0;) to_[at_++] = static_cast<std::uint8_t>(value >> (8 * i));
    return *this;
  }

 private:
  std::span<std::uint8_t> to_;
  std::size_t at_ = 0;
};

class Reader {
 public:
  explicit Reader(std::span<const std::uint8_t> from) : from_{from} {}
  std::uint64_t take(std::size_t bytes) {
    std::uint64_t value = 0;
    while (bytes-- > 0) value = value << 8 | from_[at_++];
    return value;
  }
  std::uint16_t take16() { return static_cast<std::uint16_t>(take(2)); }

 private:
  std::span<const std::uint8_t> from_;
  std::size_t at_ = 0;
};

}  // namespace

std::uint16_t internet_checksum(std::span<const std::uint8_t> bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) sum += static_cast<std::uint32_t>(bytes[i]) << (i % 2 == 0 ? 8 : 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

sim::Packet build_packet(const Datagram& datagram) {
  sim::Packet packet;
  packet.bytes = static_cast<std::uint16_t>(kDatagramHeaders + datagram.payload_bytes);
  const std::span<std::uint8_t> header{packet.header};
  Writer{header}.put(datagram.destination_mac, 6).put(datagram.source_mac, 6).put(kEtherTypeIp, 2);
  const auto ip = header.subspan(kEthernetHeader, kIpHeader);
  Writer{ip}
      .put(kVersionAndLength, 1)
      .put(0, 1)  // type of service
      .put(kIpHeader + kUdpHeader + datagram.payload_bytes, 2)
      .put(datagram.identification, 2)
      .put(kDoNotFragment, 2)
      .put(kTimeToLive, 1)
      .put(kProtocolUdp, 1)
      .put(0, 2)  // checksum, below
      .put(datagram.source.address, 4)
      .put(datagram.destination.address, 4);
  constexpr std::size_t kChecksumOffset = 10;
  Writer{ip.subspan(kChecksumOffset)}.put(internet_checksum(ip), 2);
  Writer{header.subspan(kEthernetHeader + kIpHeader)}
      .put(datagram.source.port, 2)
      .put(datagram.destination.port, 2)
      .put(kUdpHeader + datagram.payload_bytes, 2)
      .put(0, 2);  // no checksum
  const std::size_t kept = std::min<std::size_t>(datagram.payload_bytes, Datagram::kKeptBytes);
  std::copy_n(datagram.payload.begin(), kept, header.begin() + kDatagramHeaders);
  return packet;
}

PacketError parse_packet(const sim::Packet& packet, Datagram& datagram) {
  if (packet.bytes < kDatagramHeaders) return PacketError::too_short;
  const std::span<const std::uint8_t> header{packet.header};
  const auto ip_bytes = header.subspan(kEthernetHeader, kIpHeader);
  Reader ethernet{header}, ip{ip_bytes}, udp{header.subspan(kEthernetHeader + kIpHeader)};

  Datagram parsed;
  parsed.destination_mac = ethernet.take(6);
  parsed.source_mac = ethernet.take(6);
  if (ethernet.take(2) != kEtherTypeIp) return PacketError::not_ip;

  if (ip.take(1) != kVersionAndLength) return PacketError::bad_ip_header;  // options are not ours
  ip.take(1);
  const std::uint16_t ip_length = ip.take16();
  parsed.identification = ip.take16();
  const std::uint16_t fragment = ip.take16();
  ip.take(1);
  const auto protocol = static_cast<std::uint8_t>(ip.take(1));
  ip.take(2);
  parsed.source.address = static_cast<IpAddress>(ip.take(4));
  parsed.destination.address = static_cast<IpAddress>(ip.take(4));
  if (internet_checksum(ip_bytes) != 0) return PacketError::bad_checksum;
  // Short frames are padded on the wire, so the frame may be longer than the packet.
  if (ip_length < kIpHeader + kUdpHeader || ip_length + kEthernetHeader > packet.bytes) return PacketError::bad_length;
  if ((fragment & kMoreFragmentsOrOffset) != 0) return PacketError::bad_ip_header;
  if (protocol != kProtocolUdp) return PacketError::not_udp;

  parsed.source.port = udp.take16();
  parsed.destination.port = udp.take16();
  const std::uint16_t udp_length = udp.take16();
  if (udp_length < kUdpHeader || udp_length > ip_length - kIpHeader) return PacketError::bad_length;
  parsed.payload_bytes = static_cast<std::uint16_t>(udp_length - kUdpHeader);
  const std::size_t kept = std::min<std::size_t>(parsed.payload_bytes, Datagram::kKeptBytes);
  std::copy_n(header.begin() + kDatagramHeaders, kept, parsed.payload.begin());
  datagram = parsed;
  return PacketError::none;
}

}  // namespace guest
