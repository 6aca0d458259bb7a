#include <doctest/doctest.h>

#include "workloads/kernel/network/tcp_segment.h"

namespace {

using guest::PacketError;
using guest::TcpSegment;

TcpSegment segment() {
  TcpSegment segment;
  segment.source_mac = 0x020000000001;
  segment.destination_mac = 0x00065b000001;
  segment.source = {0x0a010001, 32768};
  segment.destination = {0x0a000001, 5001};
  return segment;
}

TcpSegment syn() {
  TcpSegment syn = segment();
  syn.identification = 1;
  syn.sequence = 0x01020304;
  syn.syn = true;
  syn.window = 5792;
  syn.maximum_size = 1460;
  syn.sack_permitted = true;
  syn.timestamps = {1234, 0};
  syn.window_scale = 2;
  return syn;
}

TcpSegment data() {
  TcpSegment data = segment();
  data.identification = 2;
  data.sequence = 0x01020305;
  data.acknowledgement = 0x0a0b0c0d;
  data.ack = data.psh = true;
  data.window = 8192;
  data.timestamps = {1300, 1290};
  data.payload_bytes = 1448;
  return data;
}

// Both written by another implementation; what is not shown of the second is zeros.
constexpr std::array<std::uint8_t, 74> kSyn = {
    0x00, 0x06, 0x5b, 0x00, 0x00, 0x01, 0x02, 0x00, 0x00, 0x00, 0x00, 0x01, 0x08, 0x00, 0x45, 0x00, 0x00, 0x3c, 0x00,
    0x01, 0x40, 0x00, 0x40, 0x06, 0x26, 0xb9, 0x0a, 0x01, 0x00, 0x01, 0x0a, 0x00, 0x00, 0x01, 0x80, 0x00, 0x13, 0x89,
    0x01, 0x02, 0x03, 0x04, 0x00, 0x00, 0x00, 0x00, 0xa0, 0x02, 0x16, 0xa0, 0x81, 0x01, 0x00, 0x00, 0x02, 0x04, 0x05,
    0xb4, 0x04, 0x02, 0x08, 0x0a, 0x00, 0x00, 0x04, 0xd2, 0x00, 0x00, 0x00, 0x00, 0x01, 0x03, 0x03, 0x02};
constexpr std::array<std::uint8_t, 66> kData = {
    0x00, 0x06, 0x5b, 0x00, 0x00, 0x01, 0x02, 0x00, 0x00, 0x00, 0x00, 0x01, 0x08, 0x00, 0x45, 0x00, 0x05,
    0xdc, 0x00, 0x02, 0x40, 0x00, 0x40, 0x06, 0x21, 0x18, 0x0a, 0x01, 0x00, 0x01, 0x0a, 0x00, 0x00, 0x01,
    0x80, 0x00, 0x13, 0x89, 0x01, 0x02, 0x03, 0x05, 0x0a, 0x0b, 0x0c, 0x0d, 0x80, 0x18, 0x20, 0x00, 0x85,
    0x44, 0x00, 0x00, 0x01, 0x01, 0x08, 0x0a, 0x00, 0x00, 0x05, 0x14, 0x00, 0x00, 0x05, 0x0a};

}  // namespace

TEST_CASE("a SYN of Linux has its options in this order, and these 74 bytes") {
  const sim::Packet frame = guest::build_packet(syn());
  REQUIRE(frame.bytes == kSyn.size());
  for (std::size_t i = 0; i < kSyn.size(); ++i) {
    CAPTURE(i);
    CHECK(frame.header[i] == kSyn[i]);
  }
}

TEST_CASE("a full segment has these headers, with checksums over payload that is zeros") {
  const sim::Packet frame = guest::build_packet(data());
  CHECK(frame.bytes == 1514);
  for (std::size_t i = 0; i < kData.size(); ++i) {
    CAPTURE(i);
    CHECK(frame.header[i] == kData[i]);
  }
}

TEST_CASE("parsing a built segment gives it back") {
  for (const TcpSegment& sent : {syn(), data()}) {
    TcpSegment got;
    REQUIRE(guest::parse_packet(guest::build_packet(sent), got) == PacketError::none);
    CHECK(got.source == sent.source);
    CHECK(got.destination == sent.destination);
    CHECK(got.sequence == sent.sequence);
    CHECK(got.acknowledgement == sent.acknowledgement);
    CHECK(got.syn == sent.syn);
    CHECK(got.psh == sent.psh);
    CHECK(got.ack == sent.ack);
    CHECK(got.window == sent.window);
    CHECK(got.maximum_size == sent.maximum_size);
    CHECK(got.window_scale == sent.window_scale);
    CHECK(got.sack_permitted == sent.sack_permitted);
    REQUIRE(got.timestamps.has_value());
    CHECK(got.timestamps->value == sent.timestamps->value);
    CHECK(got.timestamps->echo == sent.timestamps->echo);
    CHECK(got.payload_bytes == sent.payload_bytes);
  }
}

TEST_CASE("every flipped bit behind the Ethernet header is noticed") {
  for (const TcpSegment& sent : {syn(), data()}) {
    const sim::Packet good = guest::build_packet(sent);
    const std::size_t end = std::min<std::size_t>(good.bytes, good.header.size());
    for (std::size_t bit = 14 * 8; bit < end * 8; ++bit) {
      sim::Packet bad = good;
      bad.header[bit / 8] = static_cast<std::uint8_t>(bad.header[bit / 8] ^ 1 << bit % 8);
      TcpSegment got;
      CHECK(guest::parse_packet(bad, got) != PacketError::none);
    }
  }
}

TEST_CASE("a reset takes its number from what it answers") {
  TcpSegment to = data();
  CHECK(guest::reset_for(to).sequence == to.acknowledgement);
  CHECK(!guest::reset_for(to).ack);
  to = syn();
  CHECK(guest::reset_for(to).sequence == 0);
  CHECK(guest::reset_for(to).acknowledgement == to.sequence + 1);
  CHECK(guest::reset_for(to).destination == to.source);
}
