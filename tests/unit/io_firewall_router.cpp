// Rules of the firewall-router and the packet fields that they see.
#include "io/firewall_router.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "support/packets.h"

using namespace hv;
using test::Fields;
using test::ip;

namespace {

struct Router {
  std::vector<u8> room = std::vector<u8>(FirewallRouter::bytes_needed(64) + 64);
  Arena arena{room.data(), room.size()};
  FirewallRouter rules{arena, 64};
};

PacketHeader header_of(const test::Packet& packet) {
  PacketHeader header;
  header.packet_bytes = static_cast<u32>(packet.size());
  header.copied = header.packet_bytes < kHeaderCopy ? header.packet_bytes : kHeaderCopy;
  std::memcpy(header.bytes, packet.data(), header.copied);
  return header;
}

PacketKey key_of(const test::Packet& packet) {
  PacketKey key;
  REQUIRE(read_key(header_of(packet), key));
  return key;
}

bool readable(const test::Packet& packet) {
  PacketKey key;
  return read_key(header_of(packet), key);
}

NetworkRule accept_to(u32 destination) {
  NetworkRule rule{};
  rule.source_vif = kVifAny;
  rule.destination_vif = destination;
  return rule;
}

NetworkRule to_address(u32 destination, u32 address) {
  NetworkRule rule = accept_to(destination);
  rule.destination_address = address;
  rule.destination_address_mask = ~0u;
  return rule;
}

}  // namespace

TEST_CASE("addresses, ports and protocol are read from where the protocols put them") {
  const PacketKey udp = key_of(test::ip_packet({.source = ip(1, 2, 3, 4), .destination = ip(5, 6, 7, 8)}));
  CHECK(udp.protocol == PacketProtocol::udp);
  CHECK(udp.source_address == 0x01020304);
  CHECK(udp.destination_address == 0x05060708);
  CHECK(udp.has_ports);
  CHECK(udp.source_port == 1000);
  CHECK(udp.destination_port == 2000);
  CHECK(key_of(test::ip_packet({.transport = 6})).protocol == PacketProtocol::tcp);
  CHECK(key_of(test::ip_packet({.transport = 1})).protocol == PacketProtocol::ip);
  CHECK(key_of(test::ip_packet({.destination_port = 80, .ip_header_bytes = 40})).destination_port == 80);
  const PacketKey arp = key_of(test::arp_request(ip(10, 0, 0, 9), ip(10, 0, 0, 7)));
  CHECK(arp.protocol == PacketProtocol::arp);
  CHECK(arp.source_address == ip(10, 0, 0, 9));
  CHECK(arp.destination_address == ip(10, 0, 0, 7));
}

TEST_CASE("a later fragment has no ports") {
  CHECK_FALSE(key_of(test::ip_packet({.fragment = 100})).has_ports);
  CHECK(key_of(test::ip_packet({.fragment = 0x2000})).has_ports);  // the first of several
}

TEST_CASE("a packet that contradicts itself, or hides its ports, is not read") {
  CHECK(readable(test::ip_packet({})));
  CHECK_FALSE(readable(test::ip_packet({.ip_header_bytes = 16})));
  CHECK_FALSE(readable(test::ip_packet({.bytes = 200, .ip_header_bytes = 60})));  // ports beyond the copied header
  CHECK_FALSE(readable(test::ip_packet({.bytes = 36})));                          // UDP without room for ports
  test::Packet longer = test::ip_packet({});
  test::put(longer, 16, 1000, 2);  // IP length beyond the packet
  CHECK_FALSE(readable(longer));
  test::Packet version6 = test::ip_packet({});
  test::put(version6, 14, 0x65, 1);
  CHECK_FALSE(readable(version6));
  test::Packet short_arp = test::arp_request(1, 2);
  short_arp.resize(41);
  CHECK_FALSE(readable(short_arp));
}

TEST_CASE("without a matching rule nothing is decided") {
  Router t;
  CHECK_FALSE(t.rules.decide(key_of(test::ip_packet({})), kVifPhysical).matched);
  REQUIRE(t.rules.add(to_address(vif_id(3, 0), ip(10, 0, 0, 3))) == Error::none);
  CHECK_FALSE(t.rules.decide(key_of(test::ip_packet({.destination = ip(10, 0, 0, 2)})), kVifPhysical).matched);
}

TEST_CASE("the newest matching rule decides") {
  Router t;
  const PacketKey packet = key_of(test::ip_packet({.destination = ip(10, 0, 0, 2)}));
  REQUIRE(t.rules.add(to_address(vif_id(1, 0), ip(10, 0, 0, 2))) == Error::none);
  CHECK(t.rules.decide(packet, kVifPhysical).destination == vif_id(1, 0));
  REQUIRE(t.rules.add(to_address(vif_id(2, 0), ip(10, 0, 0, 2))) == Error::none);
  CHECK(t.rules.decide(packet, kVifPhysical).destination == vif_id(2, 0));
  NetworkRule drop_all = accept_to(kVifUnknown);
  drop_all.action = static_cast<u32>(RuleAction::drop);
  REQUIRE(t.rules.add(drop_all) == Error::none);
  CHECK(t.rules.decide(packet, kVifPhysical).action == RuleAction::drop);
  t.rules.remove(drop_all);
  t.rules.remove(to_address(vif_id(2, 0), ip(10, 0, 0, 2)));
  CHECK(t.rules.decide(packet, kVifPhysical).destination == vif_id(1, 0));
  t.rules.remove(drop_all);  // absent: nothing happens
  CHECK(t.rules.size() == 1);
}

TEST_CASE("a rule never sends a packet back to where it came from") {
  Router t;
  REQUIRE(t.rules.add(accept_to(vif_id(1, 0))) == Error::none);
  CHECK_FALSE(t.rules.decide(key_of(test::ip_packet({})), vif_id(1, 0)).matched);
  CHECK(t.rules.decide(key_of(test::ip_packet({})), vif_id(2, 0)).matched);
}

TEST_CASE("TCP, UDP, ARP and port patterns match what they say and nothing else") {
  const PacketKey udp = key_of(test::ip_packet({.destination_port = 53}));
  const PacketKey tcp = key_of(test::ip_packet({.transport = 6, .destination_port = 53}));
  const PacketKey arp = key_of(test::arp_request(1, 2));
  const PacketKey fragment = key_of(test::ip_packet({.fragment = 8}));
  NetworkRule rule = accept_to(kVifUnknown - 1);
  const auto matches = [&](const PacketKey& key) { return FirewallRouter::matches(rule, key, kVifPhysical); };
  rule.protocol = static_cast<u32>(RuleProtocol::udp);
  CHECK(matches(udp));
  CHECK_FALSE(matches(tcp));
  CHECK_FALSE(matches(arp));
  rule.protocol = static_cast<u32>(RuleProtocol::arp);
  CHECK(matches(arp));
  CHECK_FALSE(matches(udp));
  rule.protocol = static_cast<u32>(RuleProtocol::ip);
  CHECK((matches(udp) && matches(tcp)));
  CHECK_FALSE(matches(arp));
  rule.protocol = static_cast<u32>(RuleProtocol::any);
  CHECK((matches(udp) && matches(arp)));
  rule.destination_port = 53;
  rule.destination_port_mask = 0xffff;
  CHECK((matches(udp) && matches(tcp)));
  CHECK_FALSE(matches(fragment));
  CHECK_FALSE(matches(arp));
  rule.destination_port = 54;
  CHECK_FALSE(matches(udp));
}

TEST_CASE("nonsense is refused, and a full table says so") {
  Router t;
  NetworkRule rule = accept_to(kVifAny);
  CHECK(t.rules.add(rule) == Error::invalid);
  rule = accept_to(kVifPhysical);
  rule.protocol = 5;
  CHECK(t.rules.add(rule) == Error::invalid);
  rule.protocol = 0;
  rule.action = 2;
  CHECK(t.rules.add(rule) == Error::invalid);
  rule.action = 0;
  rule.source_vif = kVifUnknown;
  CHECK(t.rules.add(rule) == Error::invalid);
  for (u32 i = 0; i < 64; ++i) REQUIRE(t.rules.add(to_address(vif_id(1, 0), i)) == Error::none);
  CHECK(t.rules.add(to_address(vif_id(1, 0), 64)) == Error::no_space);
}

TEST_CASE("with two rules for each of 128 domains a packet is compared with a handful of them") {
  std::vector<u8> room(FirewallRouter::bytes_needed(576) + 64);
  Arena arena{room.data(), room.size()};
  FirewallRouter rules{arena, 576};
  for (u32 d = 0; d < 129; ++d) {
    NetworkRule out = accept_to(kVifPhysical);
    out.source_vif = vif_id(d, 0);
    out.source_address = ip(10, 0, 0, d);
    out.source_address_mask = ~0u;
    REQUIRE(rules.add(out) == Error::none);
    REQUIRE(rules.add(to_address(vif_id(d, 0), ip(10, 0, 0, d))) == Error::none);
  }
  u32 most = 0;
  for (u32 d = 0; d < 129; ++d) {
    const auto in = rules.decide(key_of(test::ip_packet({.destination = ip(10, 0, 0, d)})), kVifPhysical);
    CHECK(in.destination == vif_id(d, 0));
    const auto out =
        rules.decide(key_of(test::ip_packet({.source = ip(10, 0, 0, d), .destination = ip(9, 9, 9, 9)})), vif_id(d, 0));
    CHECK(out.destination == kVifPhysical);
    most = std::max({most, in.rules_seen, out.rules_seen});
  }
  CHECK(most <= 4);  // of 258
}
