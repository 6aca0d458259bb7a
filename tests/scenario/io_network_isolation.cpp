// What one domain's packets can show or do to another: bytes behind short packets, pages that the card still reads.
// Guest 0 is domain 0; guest i has 10.0.0.(i + 1).
#include <doctest/doctest.h>

#include <algorithm>

#include "support/network_host.h"

using namespace hv;
using test::Guest;
using test::ip_packet;
using test::NetworkHost;
using test::Packet;

namespace {

constexpr std::uint32_t kElsewhere = test::ip(192, 168, 1, 1);
constexpr unsigned kShort = 60;

// A packet for `guest` comes in; it has lent a page or it has not.
void arrives(NetworkHost& host, u32 guest, unsigned bytes = kShort) {
  host.arrive(ip_packet({.source = kElsewhere, .destination = NetworkHost::address(guest), .bytes = bytes}));
  host.interrupt();
}

// Packets that nobody takes, until the frame that went to the card last is the next to be filled.
void fill_all_but_the_last(NetworkHost& host) {
  for (std::size_t i = 1; i < host.machine.nic.posted.size(); ++i) arrives(host, 0);
}

void lend(Guest& guest, u32 page, u8 filling) {
  guest.write(page, 0, Packet(kPageSize, filling));
  guest.post(page);
  REQUIRE(guest.push().ok());
}

Packet behind_packet(Guest& guest, u32 page, unsigned bytes = kShort) {
  return guest.read(guest.frame(page), bytes, kPageSize - bytes);
}
bool is_all(const Packet& bytes, u8 value) {
  return std::ranges::all_of(bytes, [value](u8 byte) { return byte == value; });
}

}  // namespace

TEST_CASE("behind a short packet in a page that another domain lent are zeros, and their clearing is counted") {
  NetworkHost host{3};
  lend(host.guest(1), 3, 0xaa);
  lend(host.guest(2), 4, 0xbb);
  arrives(host, 1);  // guest 1's page goes to the card
  fill_all_but_the_last(host);
  const u64 cleared = host.cpu().bytes_cleared;
  arrives(host, 2);
  REQUIRE(host.guest(2).receive_answers().size() == 1);
  CHECK(is_all(behind_packet(host.guest(2), 4), 0));
  CHECK(host.cpu().bytes_cleared - cleared == kPageSize - kShort);
}

TEST_CASE("a page that comes back to the domain that lent it is not cleared") {
  NetworkHost host;
  Guest& guest = host.guest(1);
  lend(guest, 3, 0xaa);
  lend(guest, 4, 0xbb);
  arrives(host, 1);
  // The card's frames go to the guest one after the other, until those come that it has lent itself.
  for (std::size_t i = 0; i < 2 * host.machine.nic.posted.size(); ++i) {
    arrives(host, 1);
    lend(guest, 5, 0xcc);
  }
  CHECK(host.cpu().bytes_cleared == 0);
}

TEST_CASE("a packet that nobody took is not seen behind the next one in its frame") {
  NetworkHost host;
  Guest& guest = host.guest(1);
  const std::size_t frames = host.machine.nic.posted.size();
  for (std::size_t i = 0; i < frames; ++i) arrives(host, 0, 1514);  // domain 0 has lent nothing
  lend(guest, 3, 0xbb);
  arrives(host, 1);
  REQUIRE(guest.receive_answers().size() == 1);
  CHECK(is_all(behind_packet(guest, 3), 0));
}

TEST_CASE("a packet between domains that its receiver did not take is not seen by the next receiver") {
  NetworkHost host{4};
  Guest &sender = host.guest(1), &third = host.guest(3);
  const auto send = [&](u32 page, u32 to, unsigned bytes) {
    sender.send(
        page, ip_packet({.source = NetworkHost::address(1), .destination = NetworkHost::address(to), .bytes = bytes}));
    REQUIRE(sender.push().ok());
  };
  send(1, 2, 1514);  // guest 2 has lent nothing
  lend(third, 3, 0xbb);
  send(2, 3, kShort);
  REQUIRE(third.receive_answers().size() == 1);
  CHECK(is_all(behind_packet(third, 3), 0));
}

TEST_CASE("a page on its way out cannot be given back, and can be used again when the card is done") {
  NetworkHost host;
  Guest& guest = host.guest(1);
  guest.send(3, ip_packet({.source = NetworkHost::address(1), .destination = kElsewhere, .bytes = 500}));
  REQUIRE(guest.push().ok());
  const MachineFrame frame = guest.frame(3);
  FrameTable& frames = host.memory.frames();
  // Unmapped: the card's reference is the only one, and keeps it.
  (void)host.memory.tables().set_l1_entry(MachineFrame::of_address(guest.entry_address(3)), 3, 0);
  REQUIRE(frames.info(frame).total_count == 1);

  const u32 list[] = {frame.number()};
  Caller caller = guest.caller();
  const u32 scratch = guest.address(0);
  REQUIRE(caller.cpu.copy_to_guest(scratch, list, sizeof list));
  const auto give_back = [&] {
    return host.memory.dom_mem_op(caller, static_cast<u32>(DomMemOp::decrease), scratch, 1);
  };
  (void)give_back();
  CHECK(frames.info(frame).owner == guest.domain.id);

  host.machine.nic.complete_transmits();
  host.interrupt();
  CHECK(frames.info(frame).total_count == 0);
  (void)give_back();
  CHECK(frames.info(frame).owner == kOwnerFree);
  CHECK(host.network.audit().conserved());
}
