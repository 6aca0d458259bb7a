// UDP datagrams. A datagram keeps the first 38 bytes of its payload, which is what fits into a frame's kept bytes.
#pragma once

#include <array>

#include "workloads/kernel/network/ip.h"

namespace guest {

inline constexpr std::uint32_t kUdpHeader = 8;
inline constexpr std::uint32_t kDatagramHeaders = kEthernetHeader + kIpHeader + kUdpHeader;
inline constexpr std::uint32_t kMaxDatagramPayload = 1500 - kIpHeader - kUdpHeader;  // unfragmented at MTU 1500

struct Datagram {
  static constexpr std::size_t kKeptBytes = std::tuple_size_v<decltype(sim::Packet::header)> - kDatagramHeaders;

  MacAddress source_mac = 0, destination_mac = 0;
  SocketAddress source, destination;
  std::uint16_t identification = 0;  // of the IP packet
  std::uint16_t payload_bytes = 0;
  std::array<std::uint8_t, kKeptBytes> payload{};
};

sim::Packet build_packet(const Datagram& datagram);
// `datagram` is filled in only when the answer is none.
PacketError parse_packet(const sim::Packet& frame, Datagram& datagram);

}  // namespace guest
