// Random traffic over five VIFs: honest and hostile guests, buffers running out, a card whose ring fills, credit,
// domains that die. After every step each packet is delivered, dropped for a counted reason, or under way, no frame has
// two owners or none, and behind its packets no domain finds what another had in a page.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "support/network_host.h"

using namespace hv;
using test::Guest;
using test::ip_packet;
using test::NetworkHost;
using test::Packet;

namespace {

constexpr u32 kGuests = 5, kPages = 48;
constexpr std::uint32_t kElsewhere = test::ip(192, 168, 1, 1);

// Counts kept by the test from what went in and what it saw come out.
struct Ledger {
  std::map<u32, std::set<u32>> transmits_open, buffers_open;  // by guest: ids without an answer
  u64 requested = 0, answered = 0, arrived = 0;
};

struct Traffic {
  NetworkHost host{kGuests, kPages};
  std::mt19937 random;
  Ledger ledger;
  std::set<u32> alive{0, 1, 2, 3, 4};

  explicit Traffic(u32 seed) : random{seed} { host.machine.nic.transmit_ring = 1 + pick(20); }

  // What a domain's pages are full of when it lends them.
  static std::uint8_t mark_of(u32 who) { return static_cast<std::uint8_t>(0xd0 + who); }
  u32 pick(u32 below) { return static_cast<u32>(random() % below); }
  u32 someone() { return *std::next(alive.begin(), pick(static_cast<u32>(alive.size()))); }
  std::uint32_t any_address() { return pick(4) == 0 ? kElsewhere : NetworkHost::address(pick(kGuests)); }

  void request(u32 who) {
    Guest& guest = host.guest(who);
    const u32 page = pick(kPages / 2);
    if (!ledger.transmits_open[who].insert(page).second) return;
    ++ledger.requested;
    const unsigned bytes = pick(8) == 0 ? 34 + pick(60) : 100 + pick(1415);
    const std::uint32_t source = pick(5) == 0 ? any_address() : NetworkHost::address(who);
    Packet packet = ip_packet({.source = source, .destination = any_address(), .bytes = bytes});
    switch (pick(10)) {
      case 0:
        guest.request_transmit(page, pick(0x10000), static_cast<u32>(random()));
        break;
      case 1:
        guest.request_transmit(page, bytes, host.guest(someone()).frame(pick(kPages)).address());
        break;
      case 2:
        for (int i = 0; i < 5; ++i) packet[12 + pick(20)] = static_cast<u8>(random());
        [[fallthrough]];
      default:
        guest.send(page, packet, pick(4) == 0 ? pick(kPageSize - 1514) : 0);
    }
  }

  void post(u32 who) {
    Guest& guest = host.guest(who);
    const u32 page = kPages / 2 + pick(kPages / 2);
    if (!guest.mapped(page) || !ledger.buffers_open[who].insert(page).second) return;
    guest.write(page, 0, Packet(kPageSize, mark_of(who)));
    if (pick(8) == 0)
      guest.post_entry(page, static_cast<u32>(random()));
    else
      guest.post(page);
  }

  // Every answer belongs to a request that has none yet.
  void reap(u32 who) {
    Guest& guest = host.guest(who);
    for (const auto& answer : guest.transmit_answers()) {
      REQUIRE(answer.status <= 2);
      REQUIRE(ledger.transmits_open[who].erase(answer.id) == 1);
      ++ledger.answered;
    }
    for (const auto& answer : guest.receive_answers()) {
      REQUIRE(ledger.buffers_open[who].erase(answer.id) == 1);
      if (answer.status != 0) continue;
      REQUIRE(guest.mapped(answer.id));
      REQUIRE(host.memory.frames().info(guest.frame(answer.id)).owner == guest.domain.id);
      const Packet behind = guest.read(guest.frame(answer.id), answer.bytes, kPageSize - answer.bytes);
      REQUIRE(std::ranges::all_of(behind, [&](std::uint8_t byte) { return byte == 0 || byte == mark_of(who); }));
    }
  }

  void step() {
    const u32 who = someone();
    switch (pick(12)) {
      case 0:
      case 1:
      case 2:
        request(who);
        break;
      case 3:
        post(who);
        break;
      case 4:
      case 5:
        REQUIRE(host.guest(who).push().ok());
        break;
      case 6:
      case 7:
        if (host.machine.nic.posted.empty()) break;
        host.arrive(ip_packet({.source = any_address(), .destination = any_address(), .bytes = 34 + 4 + pick(1477)}));
        ++ledger.arrived;
        break;
      case 8:
      case 9:
        host.machine.nic.complete_transmits();
        host.interrupt();
        break;
      case 10:
        host.machine.advance(pick(500'000));
        host.network.run_timers(host.clock.now());
        break;
      case 11:
        if (pick(20) == 0) (void)host.network.set_credit(host.guest(who).domain, 0, pick(5000), pick(2) * 300);
        if (pick(60) == 0 && who != 0 && alive.size() > 2) {
          reap(who);
          host.destroy(who);
          alive.erase(who);
          ledger.requested -= ledger.transmits_open[who].size();  // nobody is left to be answered
        }
        break;
    }
    for (const u32 each : alive) reap(each);
  }

  void check() {
    const NetworkAudit audit = host.network.audit();
    REQUIRE(audit.conserved());
    u64 open = 0;
    for (const u32 each : alive) open += ledger.transmits_open[each].size();
    REQUIRE(ledger.requested == ledger.answered + open);
    REQUIRE(audit.arrived <= ledger.arrived);

    // Frames, counted one by one: the core has as many for packets as it says, lent ones included.
    FrameTable& frames = host.memory.frames();
    u32 owned = 0;
    for (u32 owner = 0; owner < kGuests; ++owner) owned += frames.audit_owned(static_cast<OwnerId>(owner));
    owned += frames.audit_owned(kOwnerHypervisor) + frames.audit_owned(kOwnerFree) + frames.audit_owned(kOwnerOrphan);
    REQUIRE(owned == frames.frame_count());
    std::set<u32> with_card;
    for (const MachineFrame frame : host.machine.nic.posted) {
      REQUIRE(frames.info(frame).owner == kOwnerHypervisor);
      REQUIRE(with_card.insert(frame.number()).second);
    }
  }
};

}  // namespace

TEST_CASE("packets and frames are conserved under random traffic") {
  PacketCounts from_vifs, from_wire;
  for (u32 seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    Traffic traffic{seed};
    for (int i = 0; i < 1500; ++i) {
      traffic.step();
      if (i % 25 == 0) traffic.check();
    }
    // Let everything come to rest: nothing may be left behind.
    for (const u32 each : traffic.alive) {
      REQUIRE(traffic.host.network.set_credit(traffic.host.guest(each).domain, 0, 0, 0).ok());
      REQUIRE(traffic.host.guest(each).push().ok());
    }
    for (int i = 0; i < 400; ++i) {
      traffic.host.machine.advance(1'000'000);
      traffic.host.network.run_timers(traffic.host.clock.now());
      traffic.host.machine.nic.complete_transmits();
      traffic.host.interrupt();
    }
    for (const u32 each : traffic.alive) traffic.reap(each);
    traffic.check();
    const NetworkAudit audit = traffic.host.network.audit();
    REQUIRE(audit.waiting + audit.in_flight == 0);
    REQUIRE(audit.arrived == traffic.ledger.arrived);
    for (const u32 each : traffic.alive) REQUIRE(traffic.ledger.transmits_open[each].empty());
    REQUIRE(traffic.host.memory.frames().audit_owned(kOwnerOrphan) == 0);
    for (const u32 each : traffic.alive) {
      for (u32 page = 0; page < kPages; ++page) {
        const MachineFrame frame = traffic.host.guest(each).frame(page);
        if (!traffic.host.guest(each).mapped(page)) continue;
        REQUIRE(traffic.host.memory.frames().info(frame).total_count == 1);  // no pin forgotten
      }
    }
    from_vifs.add(audit.from_vifs);
    from_wire.add(audit.from_wire);
  }
  // Every end of a packet's way was reached.
  for (const PacketFate fate : {PacketFate::sent, PacketFate::switched, PacketFate::bad_size, PacketFate::crosses_page,
                                PacketFate::foreign_frame, PacketFate::malformed, PacketFate::foreign_protocol,
                                PacketFate::no_route, PacketFate::domain_gone}) {
    CAPTURE(static_cast<int>(fate));
    CHECK(from_vifs[fate] > 0);
  }
  for (const PacketFate fate : {PacketFate::received, PacketFate::no_buffer, PacketFate::no_route}) {
    CAPTURE(static_cast<int>(fate));
    CHECK(from_wire[fate] > 0);
  }
}
