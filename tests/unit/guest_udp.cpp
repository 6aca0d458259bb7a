#include <doctest/doctest.h>

#include "workloads/kernel/network/udp.h"
#include "workloads/kernel/process.h"

namespace {

using guest::Datagram;
using guest::PacketError;

constexpr guest::IpAddress kServer = 0x0a000001, kClient = 0x0a010001;

Datagram request(std::uint16_t payload = 64) {
  Datagram datagram;
  datagram.source_mac = 0x020000000001;
  datagram.destination_mac = 0x00065b000001;
  datagram.source = {kClient, 32768};
  datagram.destination = {kServer, 7};
  datagram.identification = 0x1234;
  datagram.payload_bytes = payload;
  for (std::size_t i = 0; i < datagram.payload.size(); ++i) datagram.payload[i] = static_cast<std::uint8_t>(i + 1);
  return datagram;
}

}  // namespace

TEST_CASE("the IP checksum of a well-known header is b861") {
  // From RFC 1071 explanations: 45 00 00 73 00 00 40 00 40 11 -- -- c0 a8 00 01 c0 a8 00 c7.
  std::array<std::uint8_t, 20> header = {0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11,
                                         0x00, 0x00, 0xc0, 0xa8, 0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7};
  CHECK(guest::internet_checksum(header) == 0xb861);
  header[10] = 0xb8;
  header[11] = 0x61;
  CHECK(guest::internet_checksum(header) == 0);
}

TEST_CASE("a datagram's frame has the headers where the standards put them") {
  const sim::Packet packet = guest::build_packet(request());
  const auto& h = packet.header;
  CHECK(packet.bytes == 14 + 20 + 8 + 64);
  CHECK(h[0] == 0x00);  // destination address first
  CHECK(h[1] == 0x06);
  CHECK(h[6] == 0x02);
  CHECK((h[12] << 8 | h[13]) == 0x0800);
  CHECK(h[14] == 0x45);
  CHECK((h[16] << 8 | h[17]) == 92);  // IP: 20 + 8 + 64
  CHECK(h[23] == 17);
  CHECK(h[26] == 10);
  CHECK(h[27] == 1);  // source 10.1.0.1
  CHECK((h[36] << 8 | h[37]) == 7);
  CHECK((h[38] << 8 | h[39]) == 72);
  CHECK(h[42] == 1);  // payload
}

TEST_CASE("parsing a built frame gives the datagram back") {
  for (const std::uint16_t payload : {0, 8, 21, 22, 23, 64, 1472}) {
    const Datagram sent = request(payload);
    Datagram got;
    REQUIRE(guest::parse_packet(guest::build_packet(sent), got) == PacketError::none);
    CHECK(got.source_mac == sent.source_mac);
    CHECK(got.destination_mac == sent.destination_mac);
    CHECK(got.source == sent.source);
    CHECK(got.destination == sent.destination);
    CHECK(got.identification == sent.identification);
    CHECK(got.payload_bytes == payload);
    for (std::size_t i = 0; i < std::min<std::size_t>(payload, got.payload.size()); ++i) {
      CHECK(got.payload[i] == sent.payload[i]);
    }
  }
}

TEST_CASE("every flipped bit of the IP header is noticed") {
  const sim::Packet good = guest::build_packet(request());
  for (std::size_t bit = 14 * 8; bit < 34 * 8; ++bit) {
    sim::Packet bad = good;
    bad.header[bit / 8] = static_cast<std::uint8_t>(bad.header[bit / 8] ^ 1 << bit % 8);
    Datagram got;
    CHECK(guest::parse_packet(bad, got) != PacketError::none);
  }
}

TEST_CASE("every flipped bit of the UDP header and of the kept payload is noticed, unless it makes the checksum none") {
  const sim::Packet good = guest::build_packet(request());
  for (std::size_t bit = 34 * 8; bit < 80 * 8; ++bit) {
    sim::Packet bad = good;
    bad.header[bit / 8] = static_cast<std::uint8_t>(bad.header[bit / 8] ^ 1 << bit % 8);
    Datagram got;
    CHECK(guest::parse_packet(bad, got) != PacketError::none);
  }
}

TEST_CASE("frames cut short, of other types and with wrong lengths are refused by name") {
  Datagram got;
  sim::Packet packet = guest::build_packet(request());
  packet.bytes = 33;
  CHECK(guest::parse_packet(packet, got) == PacketError::too_short);
  packet = guest::build_packet(request());
  packet.bytes = 100;  // the IP length says 106 with the Ethernet header
  CHECK(guest::parse_packet(packet, got) == PacketError::bad_length);
  packet = guest::build_packet(request());
  packet.header[13] = 0x06;  // ARP
  CHECK(guest::parse_packet(packet, got) == PacketError::not_ip);
  packet = guest::build_packet(request(4));
  packet.bytes = 60;  // padded to the shortest frame
  REQUIRE(guest::parse_packet(packet, got) == PacketError::none);
  CHECK(got.payload_bytes == 4);
}

TEST_CASE("a datagram goes to the socket of its port and wakes one reader") {
  guest::Neighbours neighbours;
  guest::UdpLayer udp{kServer, neighbours};
  guest::UdpSocket* socket = udp.bind(7);
  REQUIRE(socket != nullptr);
  CHECK(udp.bind(7) == nullptr);
  guest::Process reader{1, "reader"};
  socket->readers.add(reader);
  CHECK(udp.deliver(guest::build_packet(request())) == &reader);
  CHECK(udp.deliver(guest::build_packet(request())) == nullptr);
  CHECK(socket->received.size() == 2);
  CHECK(udp.take(*socket).source.address == kClient);

  Datagram elsewhere = request();
  elsewhere.destination.port = 9;
  udp.deliver(guest::build_packet(elsewhere));
  CHECK(udp.no_socket() == 1);
  sim::Packet damaged = guest::build_packet(request());
  damaged.header[30] ^= 1;
  udp.deliver(damaged);
  CHECK(udp.rejected(PacketError::bad_checksum) == 1);
  elsewhere = request();
  elsewhere.destination.address = 0x0a000002;
  udp.deliver(guest::build_packet(elsewhere));
  CHECK(udp.not_ours() == 1);
}

TEST_CASE("a socket holds what its receive buffer holds and drops the rest") {
  guest::Neighbours neighbours;
  guest::UdpLayer udp{kServer, neighbours};
  guest::UdpSocket& socket = *udp.bind(7);
  const std::uint64_t fit = 65'535 / (14 + 20 + 8 + 64 + 160);  // bytes and overhead of one
  for (std::uint64_t i = 0; i < fit + 10; ++i) udp.deliver(guest::build_packet(request()));
  CHECK(socket.received.size() == fit);
  CHECK(udp.buffer_full() == 10);
  while (!socket.received.empty()) udp.take(socket);
  CHECK(socket.buffered_bytes == 0);
}

TEST_CASE("an answer goes to the address the request came from, and nowhere without one") {
  guest::Neighbours neighbours;
  guest::UdpLayer udp{kServer, neighbours};
  guest::UdpSocket& socket = *udp.bind(7);
  CHECK(!udp.build(socket, {kClient, 32768}, Datagram{}, 1));
  udp.deliver(guest::build_packet(request()));
  const Datagram asked = udp.take(socket);
  const auto packet = udp.build(socket, asked.source, asked, 0x00065b000001);
  REQUIRE(packet);
  Datagram answer;
  REQUIRE(guest::parse_packet(*packet, answer) == PacketError::none);
  CHECK(answer.destination_mac == 0x020000000001);
  CHECK(answer.source == guest::SocketAddress{kServer, 7});
  CHECK(answer.destination == asked.source);
  CHECK(answer.payload == asked.payload);
}
