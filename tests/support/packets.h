// Packets for tests, built field by field from the protocols' own descriptions.
#pragma once

#include <cstdint>
#include <vector>

namespace test {

using Packet = std::vector<std::uint8_t>;

inline void put(Packet& packet, std::size_t at, std::uint64_t value, unsigned bytes) {
  for (unsigned i = 0; i < bytes; ++i) packet.at(at + i) = static_cast<std::uint8_t>(value >> (8 * (bytes - 1 - i)));
}
inline std::uint64_t get(const Packet& packet, std::size_t at, unsigned bytes) {
  std::uint64_t value = 0;
  for (unsigned i = 0; i < bytes; ++i) value = value << 8 | packet.at(at + i);
  return value;
}

constexpr std::uint32_t ip(unsigned a, unsigned b, unsigned c, unsigned d) { return a << 24 | b << 16 | c << 8 | d; }

struct Fields {
  std::uint64_t to_mac = 0x000476e11223, from_mac = 0x020000000001;
  std::uint32_t source = ip(10, 0, 0, 1), destination = ip(10, 0, 0, 2);
  std::uint8_t transport = 17;  // UDP
  std::uint16_t source_port = 1000, destination_port = 2000;
  unsigned bytes = 100;  // whole packet
  unsigned ip_header_bytes = 20;
  std::uint16_t fragment = 0;
};

// The payload is a pattern, so that what arrives can be compared.
inline Packet ip_packet(const Fields& f) {
  Packet packet(f.bytes);
  for (unsigned i = 0; i < f.bytes; ++i) packet[i] = static_cast<std::uint8_t>(i * 7 + f.bytes);
  put(packet, 0, f.to_mac, 6);
  put(packet, 6, f.from_mac, 6);
  put(packet, 12, 0x0800, 2);
  put(packet, 14, 0x40 | f.ip_header_bytes / 4, 1);
  put(packet, 16, f.bytes - 14, 2);
  put(packet, 20, f.fragment, 2);
  put(packet, 23, f.transport, 1);
  put(packet, 26, f.source, 4);
  put(packet, 30, f.destination, 4);
  const unsigned ports = 14 + f.ip_header_bytes;
  if (ports + 4 <= f.bytes) {
    put(packet, ports, f.source_port, 2);
    put(packet, ports + 2, f.destination_port, 2);
  }
  return packet;
}

inline Packet arp_request(std::uint32_t sender, std::uint32_t target, std::uint64_t sender_mac = 0x020000000001) {
  Packet packet(60);
  put(packet, 0, 0xffffffffffff, 6);
  put(packet, 6, sender_mac, 6);
  put(packet, 12, 0x0806, 2);
  put(packet, 14, 0x0001080006040001, 8);  // Ethernet, IP, 6, 4, request
  put(packet, 22, sender_mac, 6);
  put(packet, 28, sender, 4);
  put(packet, 38, target, 4);
  return packet;
}

}  // namespace test
