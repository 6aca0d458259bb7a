// TCP segments: RFC 793's header, with the options that Linux 2.4 sends, in its order. Payload has no contents.
#pragma once

#include <optional>

#include "workloads/kernel/network/ip.h"

namespace guest {

inline constexpr std::uint32_t kTcpHeader = 20, kTimestampOption = 12;  // padded to whole words

// Sequence numbers wrap.
constexpr bool before(std::uint32_t a, std::uint32_t b) { return static_cast<std::int32_t>(a - b) < 0; }
constexpr bool after(std::uint32_t a, std::uint32_t b) { return before(b, a); }

struct TcpSegment {
  struct Timestamps {
    std::uint32_t value = 0, echo = 0;
  };

  MacAddress source_mac = 0, destination_mac = 0;
  SocketAddress source, destination;
  std::uint16_t identification = 0;  // of the IP packet
  std::uint32_t sequence = 0, acknowledgement = 0;
  bool fin = false, syn = false, rst = false, psh = false, ack = false;
  std::uint16_t window = 0;
  std::optional<std::uint16_t> maximum_size;  // option MSS
  std::optional<std::uint8_t> window_scale;
  bool sack_permitted = false;
  std::optional<Timestamps> timestamps;
  std::uint16_t payload_bytes = 0;

  std::uint32_t header_bytes() const;  // with options
  // What it takes of the sequence space.
  std::uint32_t length() const { return payload_bytes + (syn ? 1u : 0u) + (fin ? 1u : 0u); }
  std::uint32_t end() const { return sequence + length(); }
};

sim::Packet build_packet(const TcpSegment& segment);
// `segment` is filled in only when the answer is none.
PacketError parse_packet(const sim::Packet& frame, TcpSegment& segment);

// The reset that answers a segment for which there is no connection [RFC 793, "reset generation"].
TcpSegment reset_for(const TcpSegment& segment);

}  // namespace guest
