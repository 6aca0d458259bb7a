// UDP datagrams and the Ethernet frames that carry them: real headers, in network byte order, with real IP checksums.
//
// A frame is a length and its first 80 bytes, so a datagram keeps the first 38 bytes of its payload; what lies behind
// has no contents anywhere. The UDP checksum field is 0 (none), which IPv4 allows: the sum would cover bytes that do
// not exist. What computing it would cost is charged where a system pays it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "sim/outside/outside_world.h"

namespace guest {

using MacAddress = std::uint64_t;  // 48 bits, first octet in bits 47..40
using IpAddress = std::uint32_t;   // host order: 10.0.0.1 is 0x0a000001

inline constexpr std::uint32_t kEthernetHeader = 14, kIpHeader = 20, kUdpHeader = 8;
inline constexpr std::uint32_t kDatagramHeaders = kEthernetHeader + kIpHeader + kUdpHeader;
inline constexpr std::uint32_t kMaxDatagramPayload = 1500 - kIpHeader - kUdpHeader;  // unfragmented at MTU 1500

struct UdpEndpoint {
  IpAddress address = 0;
  std::uint16_t port = 0;
  friend constexpr bool operator==(UdpEndpoint, UdpEndpoint) = default;
};

struct Datagram {
  static constexpr std::size_t kKeptBytes = std::tuple_size_v<decltype(sim::Packet::header)> - kDatagramHeaders;

  MacAddress source_mac = 0, destination_mac = 0;
  UdpEndpoint source, destination;
  std::uint16_t identification = 0;  // of the IP packet
  std::uint16_t payload_bytes = 0;
  std::array<std::uint8_t, kKeptBytes> payload{};
};

// RFC 1071: the complement of the ones' complement sum. Zero over a header whose checksum field is right.
std::uint16_t internet_checksum(std::span<const std::uint8_t> bytes);

sim::Packet build_packet(const Datagram& datagram);

enum class PacketError : std::uint8_t {
  none,
  too_short,
  not_ip,
  bad_ip_header,
  bad_checksum,
  not_udp,
  bad_length,
  count
};

// `datagram` is filled in only when the answer is none.
PacketError parse_packet(const sim::Packet& packet, Datagram& datagram);

}  // namespace guest
