// The test of the network's tests: each rule of the core left out once, and what a hostile or unlucky domain then sees.
//
// Built from the core's sources with RINGZERO_PLANTED_FAULTS; see hypervisor-core/base/planted.h.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "base/planted.h"
#include "support/network_host.h"

using namespace hv;
using test::Guest;
using test::ip_packet;
using test::NetworkHost;
using test::Packet;

namespace {

constexpr std::uint32_t kElsewhere = test::ip(192, 168, 1, 1);

Packet from(u32 guest, unsigned bytes = 500) {
  return ip_packet({.source = NetworkHost::address(guest), .destination = kElsewhere, .bytes = bytes});
}

// Each answers whether a rule was broken.

bool spoofed_packet_leaves() {
  NetworkHost host{3};
  host.guest(1).send(3, from(2));
  REQUIRE(host.guest(1).push().ok());
  return !host.machine.nic.sent.empty();
}

bool foreign_page_leaves() {
  NetworkHost host{3};
  host.guest(2).write(5, 0, from(1));
  host.guest(1).request_transmit(0, 500, host.guest(2).frame(5).address());
  REQUIRE(host.guest(1).push().ok());
  return !host.machine.nic.sent.empty();
}

bool page_stays_pinned() {
  NetworkHost host;
  Guest& guest = host.guest(1);
  guest.send(3, from(1));
  REQUIRE(guest.push().ok());
  host.machine.nic.complete_transmits();
  host.interrupt();
  return host.memory.frames().info(guest.frame(3)).total_count != 1;
}

// Rewritten between the check and the card's reading.
bool changed_header_leaves() {
  NetworkHost host{3};
  Guest& guest = host.guest(1);
  guest.send(3, from(1));
  REQUIRE(guest.push().ok());
  guest.write(3, 0, from(2));
  const Packet wire = host.wire(0);
  return test::get(wire, 26, 4) != NetworkHost::address(1);
}

// Guest 1 lends a page full of its own bytes; a packet for guest 2 comes in it.
bool other_bytes_are_seen() {
  NetworkHost host{3};
  Guest &lender = host.guest(1), &reader = host.guest(2);
  const std::size_t posted = host.machine.nic.posted.size();
  lender.write(3, 0, Packet(kPageSize, 0xaa));
  lender.post(3);
  REQUIRE(lender.push().ok());
  reader.post(4);
  REQUIRE(reader.push().ok());
  const auto arrives = [&](u32 guest) {
    host.arrive(ip_packet({.source = kElsewhere, .destination = NetworkHost::address(guest), .bytes = 60}));
    host.interrupt();
  };
  arrives(1);
  for (std::size_t i = 1; i < posted; ++i) arrives(0);  // nobody's: domain 0 has posted nothing
  arrives(2);
  REQUIRE(reader.receive_answers().size() == 1);
  const Packet page = reader.read(reader.frame(4), 60, kPageSize - 60);
  return std::ranges::find(page, 0xaa) != page.end();
}

bool wild_index_is_believed() {
  NetworkHost host;
  Guest& guest = host.guest(1);
  guest.set_index(0, kNetRingSize + 1);
  REQUIRE(guest.push().ok());
  return guest.vif().requests_taken != 0;
}

struct Planted {
  Fault fault;
  const char* name;
  bool (*rule_is_broken)();
};
constexpr Planted kFaults[] = {
    {Fault::spoofed_source, "spoofed_source", spoofed_packet_leaves},
    {Fault::payload_of_any_owner, "payload_of_any_owner", foreign_page_leaves},
    {Fault::payload_kept, "payload_kept", page_stays_pinned},
    {Fault::header_left_in_page, "header_left_in_page", changed_header_leaves},
    {Fault::packet_tail_kept, "packet_tail_kept", other_bytes_are_seen},
    {Fault::ring_not_bounded, "ring_not_bounded", wild_index_is_believed},
};
static_assert(static_cast<u32>(Fault::spoofed_source) + std::size(kFaults) ==
              static_cast<u32>(Fault::read_only_written));

}  // namespace

TEST_CASE("every planted fault of the network is found, and without one nothing is") {
  for (const Planted& planted : kFaults) {
    CAPTURE(std::string{planted.name});
    planted_fault = Fault::none;
    CHECK_FALSE(planted.rule_is_broken());
    planted_fault = planted.fault;
    CHECK(planted.rule_is_broken());
    planted_fault = Fault::none;
  }
}
