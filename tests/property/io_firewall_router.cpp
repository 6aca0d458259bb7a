// The hashed firewall-router against the list it stands for: newest first, first match decides.
#include "io/firewall_router.h"

#include <doctest/doctest.h>

#include <cstring>
#include <list>
#include <random>
#include <vector>

using namespace hv;

namespace {

// The specification, written down plainly and without the core's help.
struct NaiveList {
  std::list<NetworkRule> rules;

  static bool fits(u32 wanted, u32 mask, bool present, u32 is) {
    if (mask == 0) return true;
    return present && (wanted & mask) == (is & mask);
  }
  static bool matches(const NetworkRule& r, const PacketKey& p, u32 source) {
    const bool is_ip =
        p.protocol == PacketProtocol::ip || p.protocol == PacketProtocol::tcp || p.protocol == PacketProtocol::udp;
    const bool protocol_fits[] = {true, is_ip, p.protocol == PacketProtocol::tcp, p.protocol == PacketProtocol::udp,
                                  p.protocol == PacketProtocol::arp};
    const bool has_address = p.protocol != PacketProtocol::other;
    return (r.source_vif == kVifAny || r.source_vif == source) && !(r.action == 0 && r.destination_vif == source) &&
           protocol_fits[r.protocol] && fits(r.source_address, r.source_address_mask, has_address, p.source_address) &&
           fits(r.destination_address, r.destination_address_mask, has_address, p.destination_address) &&
           fits(r.source_port, r.source_port_mask, p.has_ports, p.source_port) &&
           fits(r.destination_port, r.destination_port_mask, p.has_ports, p.destination_port);
  }
  const NetworkRule* decide(const PacketKey& packet, u32 source) const {
    for (const NetworkRule& rule : rules)
      if (matches(rule, packet, source)) return &rule;
    return nullptr;
  }
  void remove(const NetworkRule& rule) {
    for (auto it = rules.begin(); it != rules.end(); ++it) {
      if (std::memcmp(&*it, &rule, sizeof rule) != 0) continue;
      rules.erase(it);
      return;
    }
  }
};

// Few values for every field, so that rules overlap, shadow one another and share buckets.
struct Chance {
  std::mt19937 random;
  u32 pick(u32 below) { return static_cast<u32>(random() % below); }
  u32 address() { return 0x0a000000 + pick(6); }
  u32 mask() {
    const u32 masks[] = {0, ~0u, 0xfffffffe, ~0u};
    return masks[pick(4)];
  }
  u32 source() { return pick(4) == 0 ? kVifPhysical : vif_id(pick(4), 0); }
  NetworkRule rule() {
    NetworkRule r{};
    r.action = pick(4) == 0;
    r.source_vif = pick(3) == 0 ? kVifAny : source();
    r.destination_vif = pick(3) == 0 ? kVifPhysical : vif_id(pick(4), 0);
    r.protocol = pick(5);
    r.source_address = address();
    r.source_address_mask = mask();
    r.destination_address = address();
    r.destination_address_mask = mask();
    r.source_port = pick(3);
    r.source_port_mask = pick(3) == 0 ? 0xffff : 0;
    r.destination_port = pick(3);
    r.destination_port_mask = pick(3) == 0 ? 0xffff : 0;
    return r;
  }
  PacketKey packet() {
    PacketKey p;
    p.protocol = static_cast<PacketProtocol>(pick(5));
    if (p.protocol == PacketProtocol::other) return p;
    p.source_address = address();
    p.destination_address = address();
    p.has_ports = p.protocol >= PacketProtocol::tcp && pick(4) != 0;
    if (p.has_ports) {
      p.source_port = pick(3);
      p.destination_port = pick(3);
    }
    return p;
  }
};

}  // namespace

TEST_CASE("the hashed table decides as the plain list does, whatever is added and removed") {
  u32 compared = 0, matched = 0;
  for (u32 seed = 1; seed <= 300; ++seed) {
    CAPTURE(seed);
    Chance chance{std::mt19937{seed}};
    const u32 capacity = 1 + chance.pick(40);
    std::vector<u8> room(FirewallRouter::bytes_needed(capacity) + 64);
    Arena arena{room.data(), room.size()};
    FirewallRouter table{arena, capacity};
    NaiveList list;
    for (int step = 0; step < 200; ++step) {
      if (chance.pick(3) != 0) {
        const NetworkRule rule = chance.rule();
        const Error error = table.add(rule);
        REQUIRE((error == Error::none) == (list.rules.size() < capacity));
        if (error == Error::none) list.rules.push_front(rule);
      } else if (!list.rules.empty()) {
        const NetworkRule gone = *std::next(list.rules.begin(), chance.pick(static_cast<u32>(list.rules.size())));
        table.remove(gone);
        list.remove(gone);
      }
      REQUIRE(table.size() == list.rules.size());
      for (int probe = 0; probe < 4; ++probe) {
        const PacketKey packet = chance.packet();
        const u32 source = chance.source();
        const NetworkRule* expected = list.decide(packet, source);
        const FirewallRouter::Decision decision = table.decide(packet, source);
        REQUIRE(decision.matched == (expected != nullptr));
        REQUIRE(decision.rules_seen <= list.rules.size());
        ++compared;
        if (expected == nullptr) continue;
        ++matched;
        REQUIRE(decision.action == static_cast<RuleAction>(expected->action));
        if (decision.action == RuleAction::accept) REQUIRE(decision.destination == expected->destination_vif);
      }
    }
  }
  CHECK(compared == 240'000);
  CHECK(matched > 20'000);  // and it is not vacuous
}
