// Ethernet frames with IPv4 packets in them: real headers, in network byte order, with real checksums.
//
// A frame is a length and its first 80 bytes (sim::Packet); what lies behind has no contents anywhere and counts as
// zeros, so that the checksums of UDP and TCP are right over every byte that there is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "sim/outside/outside_world.h"

namespace guest {

using MacAddress = std::uint64_t;  // 48 bits, first octet in bits 47..40
using IpAddress = std::uint32_t;   // host order: 10.0.0.1 is 0x0a000001

inline constexpr std::uint32_t kEthernetHeader = 14, kIpHeader = 20;

struct SocketAddress {
  IpAddress address = 0;
  std::uint16_t port = 0;
  friend constexpr auto operator<=>(SocketAddress, SocketAddress) = default;
};

enum class IpProtocol : std::uint8_t { tcp = 6, udp = 17 };

struct IpPacket {
  MacAddress source_mac = 0, destination_mac = 0;
  IpAddress source = 0, destination = 0;
  std::uint16_t identification = 0;
  IpProtocol protocol = IpProtocol::udp;
  std::uint16_t bytes = 0;  // behind the IP header
};

enum class PacketError : std::uint8_t {
  none,
  too_short,
  not_ip,
  bad_ip_header,
  bad_checksum,
  not_udp,
  not_tcp,
  bad_length,
  count
};

// RFC 1071: the complement of the ones' complement sum. Zero over a header whose checksum field is right.
std::uint16_t internet_checksum(std::span<const std::uint8_t> bytes);
// Of what is behind the IP header of `frame`, with the pseudo-header. Zero if the checksum field in it is right.
std::uint16_t transport_checksum(const sim::Packet& frame, const IpPacket& packet);

// A frame with the two headers in place and zeros behind them.
sim::Packet build_ip(const IpPacket& packet);
// `packet` is filled in only when the answer is none.
PacketError parse_ip(const sim::Packet& frame, IpPacket& packet);

// Bytes of the frame behind its IP header, as far as they are kept.
inline std::span<std::uint8_t> behind_ip(sim::Packet& frame) {
  return std::span{frame.header}.subspan(kEthernetHeader + kIpHeader);
}
inline std::span<const std::uint8_t> behind_ip(const sim::Packet& frame) {
  return std::span{frame.header}.subspan(kEthernetHeader + kIpHeader);
}

// Big-endian fields one after the other.
class FieldWriter {
 public:
  explicit FieldWriter(std::span<std::uint8_t> to) : to_{to} {}
  FieldWriter& put(std::uint64_t value, std::size_t bytes) {
    for (std::size_t i = bytes; i-- > 0;) to_[at_++] = static_cast<std::uint8_t>(value >> (8 * i));
    return *this;
  }

 private:
  std::span<std::uint8_t> to_;
  std::size_t at_ = 0;
};

class FieldReader {
 public:
  explicit FieldReader(std::span<const std::uint8_t> from) : from_{from} {}
  std::uint64_t take(std::size_t bytes) {
    std::uint64_t value = 0;
    while (bytes-- > 0) value = value << 8 | from_[at_++];
    return value;
  }
  std::uint8_t take8() { return static_cast<std::uint8_t>(take(1)); }
  std::uint16_t take16() { return static_cast<std::uint16_t>(take(2)); }
  std::uint32_t take32() { return static_cast<std::uint32_t>(take(4)); }

 private:
  std::span<const std::uint8_t> from_;
  std::size_t at_ = 0;
};

}  // namespace guest
