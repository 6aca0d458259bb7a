// Packets on their way through the core, one situation at a time. Guest 0 is domain 0; guest i has 10.0.0.(i + 1).
#include <doctest/doctest.h>

#include "support/network_host.h"

using namespace hv;
using test::Guest;
using test::ip;
using test::ip_packet;
using test::NetworkHost;
using test::Packet;

namespace {

constexpr u32 kOk = 0, kBadPage = 1, kDropped = 2;
constexpr u64 kCardMac = 0x000476e11223;
constexpr std::uint32_t kElsewhere = ip(192, 168, 1, 1);

u64 vif_mac(Guest& guest) { return guest.vif().mac; }

// From `guest`, with its own address.
Packet from(u32 guest, std::uint32_t to = kElsewhere, unsigned bytes = 500) {
  return ip_packet({.source = NetworkHost::address(guest), .destination = to, .bytes = bytes});
}
Packet to(u32 guest, unsigned bytes = 500) {
  return ip_packet({.source = kElsewhere, .destination = NetworkHost::address(guest), .bytes = bytes});
}

void check_conserved(NetworkHost& host) {
  const NetworkAudit audit = host.network.audit();
  CHECK(audit.conserved());
}

// One transmit request that must be answered with `status` for the reason `fate`, and with nothing sent.
void check_refused(NetworkHost& host, Guest& guest, u32 status, PacketFate fate) {
  const std::size_t sent_before = host.machine.nic.sent.size();
  const u64 count_before = guest.vif().transmitted[fate];
  REQUIRE(guest.push().ok());
  const auto answers = guest.transmit_answers();
  REQUIRE(answers.size() == 1);
  CHECK(answers[0].status == status);
  CHECK(guest.vif().transmitted[fate] == count_before + 1);
  CHECK(host.machine.nic.sent.size() == sent_before);
  check_conserved(host);
}

}  // namespace

TEST_CASE("a packet from the wire reaches the domain that the rules name, by exchanging pages, with one event") {
  NetworkHost host{3};
  Guest& guest = host.guest(2);
  guest.post(5);
  REQUIRE(guest.push().ok());
  const MachineFrame lent = guest.frame(5);
  CHECK_FALSE(guest.mapped(5));
  CHECK(host.memory.frames().info(lent).owner == kOwnerHypervisor);
  guest.set_index(5, 1);  // event at the first response
  const u32 domain_frames = guest.domain.memory.frame_count();

  const Packet packet = to(2);
  host.arrive(packet);
  host.interrupt();

  const auto answers = guest.receive_answers();
  REQUIRE(answers.size() == 1);
  CHECK(answers[0].id == 5);
  CHECK(answers[0].status == kOk);
  CHECK(answers[0].bytes == 500);
  REQUIRE(guest.mapped(5));
  CHECK(guest.frame(5) != lent);
  CHECK(host.memory.frames().info(guest.frame(5)).owner == guest.domain.id);
  CHECK(host.memory.frames().info(guest.frame(5)).total_count == 1);
  CHECK(host.memory.frames().info(lent).owner == kOwnerHypervisor);
  CHECK(host.memory.machine_to_phys(guest.frame(5)) == 5);
  CHECK(guest.domain.memory.frame_count() == domain_frames + 1);

  const Packet seen = guest.read(guest.frame(5), answers[0].offset, 500);
  CHECK(test::get(seen, 0, 6) == vif_mac(guest));
  CHECK(Packet(seen.begin() + 6, seen.end()) == Packet(packet.begin() + 6, packet.end()));
  CHECK(guest.event());
  CHECK(host.guest(0).receive_answers().empty());
  CHECK(host.guest(1).receive_answers().empty());
  CHECK(host.cpu().times(hw::Step::vif_receive) == 1);
  CHECK(host.cpu().times(hw::Step::vif_post_buffer) == 1);
  CHECK(host.machine.nic.posted.size() == 256);  // the exchanged frame is the card's again
  CHECK(host.machine.nic.interrupts_done == 1);
  check_conserved(host);
}

TEST_CASE("no event before the guest's threshold") {
  NetworkHost host;
  Guest& guest = host.guest(1);
  for (u32 page = 1; page <= 3; ++page) guest.post(page);
  REQUIRE(guest.push().ok());
  guest.set_index(5, 3);
  for (int i = 0; i < 2; ++i) host.arrive(to(1));
  host.interrupt();
  CHECK(guest.receive_answers().size() == 2);
  CHECK_FALSE(guest.event());
  host.arrive(to(1));
  host.interrupt();
  CHECK(guest.event());
}

TEST_CASE("a domain without a buffer loses the packet, and only that domain") {
  NetworkHost host{3};
  host.guest(2).post(1);
  REQUIRE(host.guest(2).push().ok());
  host.arrive(to(1));
  host.arrive(to(2));
  host.interrupt();
  CHECK(host.guest(1).vif().received[PacketFate::no_buffer] == 1);
  CHECK(host.guest(1).receive_answers().empty());
  CHECK(host.guest(2).receive_answers().size() == 1);
  CHECK(host.network.audit().from_wire[PacketFate::no_buffer] == 1);
  check_conserved(host);
}

TEST_CASE("a packet goes out with its header copied and its page pinned until the card is done") {
  NetworkHost host;
  Guest& guest = host.guest(1);
  const Packet packet = from(1);
  guest.set_index(2, 1);
  guest.send(7, packet, 0x100);
  REQUIRE(guest.push().ok());

  REQUIRE(host.machine.nic.sent.size() == 1);
  const hw::TransmitDescriptor& descriptor = host.machine.nic.sent[0];
  CHECK(descriptor.header_bytes == 64);
  CHECK(descriptor.payload_frame == guest.frame(7));
  CHECK(descriptor.payload_offset == 0x100 + 64);
  CHECK(descriptor.payload_bytes == 500 - 64);
  const Packet wire = host.wire(0);
  CHECK(test::get(wire, 6, 6) == kCardMac);  // whatever the guest wrote
  CHECK(Packet(wire.begin() + 12, wire.end()) == Packet(packet.begin() + 12, packet.end()));
  CHECK(host.memory.frames().info(guest.frame(7)).total_count == 2);
  CHECK(guest.transmit_answers().empty());
  CHECK_FALSE(guest.event());
  check_conserved(host);
  CHECK(host.network.audit().in_flight == 1);

  host.machine.nic.complete_transmits();
  host.interrupt();
  const auto answers = guest.transmit_answers();
  REQUIRE(answers.size() == 1);
  CHECK(answers[0].id == 7);
  CHECK(answers[0].status == kOk);
  CHECK(host.memory.frames().info(guest.frame(7)).total_count == 1);
  CHECK(guest.event());
  CHECK(guest.vif().transmitted_bytes == 500);
  CHECK(host.network.audit().in_flight == 0);
  check_conserved(host);
}

TEST_CASE("a header changed after the check has no effect") {
  NetworkHost host;
  Guest& guest = host.guest(1);
  guest.send(7, from(1));
  REQUIRE(guest.push().ok());
  guest.write(7, 0, ip_packet({.source = NetworkHost::address(0), .destination = ip(1, 1, 1, 1), .bytes = 500}));
  const Packet wire = host.wire(0);
  CHECK(test::get(wire, 26, 4) == NetworkHost::address(1));
  CHECK(test::get(wire, 30, 4) == kElsewhere);
  CHECK(test::get(wire, 6, 6) == kCardMac);
}

TEST_CASE("a packet that fits the header copy pins nothing") {
  NetworkHost host;
  Guest& guest = host.guest(1);
  guest.send(7, from(1, kElsewhere, 60));
  REQUIRE(guest.push().ok());
  REQUIRE(host.machine.nic.sent.size() == 1);
  CHECK(host.machine.nic.sent[0].payload_frame == MachineFrame::none());
  CHECK(host.memory.frames().info(guest.frame(7)).total_count == 1);
}

TEST_CASE("a spoofed source address is refused") {
  NetworkHost host{3};
  host.guest(1).send(1, from(2));
  check_refused(host, host.guest(1), kDropped, PacketFate::no_route);
  host.guest(1).send(1, test::arp_request(NetworkHost::address(2), kElsewhere));
  check_refused(host, host.guest(1), kDropped, PacketFate::no_route);
}

TEST_CASE("a spoofed source is refused towards a domain of the same machine, too") {
  NetworkHost host{3};
  host.guest(2).post(1);
  REQUIRE(host.guest(2).push().ok());
  host.guest(1).send(1, from(0, NetworkHost::address(2)));
  check_refused(host, host.guest(1), kDropped, PacketFate::no_route);
  CHECK(host.guest(2).receive_answers().empty());
}

TEST_CASE("a forged hardware address in an ARP packet is overwritten") {
  NetworkHost host;
  host.guest(1).send(1, test::arp_request(NetworkHost::address(1), kElsewhere, 0xbadbadbadbad));
  REQUIRE(host.guest(1).push().ok());
  const Packet wire = host.wire(0);
  CHECK(test::get(wire, 6, 6) == kCardMac);
  CHECK(test::get(wire, 22, 6) == kCardMac);
}

TEST_CASE("somebody else's frame, the hypervisor's and one beyond RAM are answered with an error and touch nobody") {
  NetworkHost host{3};
  const MachineFrame others = host.guest(2).frame(9);
  host.guest(2).write(9, 0, from(1));  // a perfect packet of guest 1, in guest 2's page
  const u64 digest = host.machine.ram.digest(others);
  const u32 references = host.memory.frames().info(others).total_count;
  host.guest(1).request_transmit(1, 500, others.address());
  check_refused(host, host.guest(1), kBadPage, PacketFate::foreign_frame);
  CHECK(host.machine.ram.digest(others) == digest);
  CHECK(host.memory.frames().info(others).total_count == references);
  host.guest(1).request_transmit(1, 500, MachineFrame{3}.address());
  check_refused(host, host.guest(1), kBadPage, PacketFate::foreign_frame);
  host.guest(1).request_transmit(1, 500, 0xfffff000);
  check_refused(host, host.guest(1), kBadPage, PacketFate::foreign_frame);
}

TEST_CASE("packets of 34 to 1514 bytes are sent, shorter and longer ones refused") {
  NetworkHost host;
  Guest& guest = host.guest(1);
  guest.write(1, 0, ip_packet({.source = NetworkHost::address(1), .transport = 1, .bytes = 1515}));
  const u32 at = guest.frame(1).address();
  guest.request_transmit(1, 33, at);
  check_refused(host, guest, kBadPage, PacketFate::bad_size);
  guest.request_transmit(1, 1515, at);
  check_refused(host, guest, kBadPage, PacketFate::bad_size);
  guest.send(2, ip_packet({.source = NetworkHost::address(1), .transport = 1, .bytes = 34}));
  guest.send(3, from(1, kElsewhere, 1514));
  REQUIRE(guest.push().ok());
  CHECK(host.machine.nic.sent.size() == 2);
}

TEST_CASE("a packet may end with its page but not cross it") {
  NetworkHost host;
  Guest& guest = host.guest(1);
  guest.send(1, from(1), kPageSize - 500);
  REQUIRE(guest.push().ok());
  CHECK(host.machine.nic.sent.size() == 1);
  guest.request_transmit(2, 500, guest.frame(2).address() + kPageSize - 499);
  check_refused(host, guest, kBadPage, PacketFate::crosses_page);
}

TEST_CASE("only domain 0 may send something that is neither IP nor ARP") {
  NetworkHost host;
  Packet other = from(1);
  test::put(other, 12, 0x88cc, 2);
  host.guest(1).send(1, other);
  check_refused(host, host.guest(1), kBadPage, PacketFate::foreign_protocol);
  host.guest(0).send(1, other);
  REQUIRE(host.guest(0).push().ok());
  CHECK(host.machine.nic.sent.size() == 1);
}

TEST_CASE("a packet that contradicts itself is refused on the way out and dropped on the way in") {
  NetworkHost host;
  Packet odd = from(1);
  test::put(odd, 16, 1400, 2);  // says it is longer than it is
  host.guest(1).send(1, odd);
  check_refused(host, host.guest(1), kBadPage, PacketFate::malformed);
  host.arrive(odd);
  host.interrupt();
  CHECK(host.network.audit().from_wire[PacketFate::malformed] == 1);
  check_conserved(host);
}

TEST_CASE("what no rule claims goes to domain 0") {
  NetworkHost host;
  host.guest(0).post(1);
  host.guest(0).post(2);
  REQUIRE(host.guest(0).push().ok());
  host.arrive(ip_packet({.source = kElsewhere, .destination = ip(10, 9, 9, 9)}));
  host.arrive(test::arp_request(kElsewhere, ip(10, 9, 9, 9)));
  host.interrupt();
  const auto answers = host.guest(0).receive_answers();
  REQUIRE(answers.size() == 2);
  const Packet arp = host.guest(0).read(host.guest(0).frame(2), 0, 60);
  CHECK(test::get(arp, 0, 6) == 0xffffffffffff);  // a broadcast stays one
}

TEST_CASE("a drop rule drops in both directions, and says so") {
  NetworkHost host;
  NetworkRule drop{};
  drop.action = static_cast<u32>(RuleAction::drop);
  drop.source_vif = kVifAny;
  drop.protocol = static_cast<u32>(RuleProtocol::udp);
  drop.destination_port = 2000;
  drop.destination_port_mask = 0xffff;
  REQUIRE(host.network.add_rule(drop).ok());
  host.guest(1).send(1, from(1));
  check_refused(host, host.guest(1), kDropped, PacketFate::dropped_by_rule);
  host.arrive(to(1));
  host.interrupt();
  CHECK(host.network.audit().from_wire[PacketFate::dropped_by_rule] == 1);
  REQUIRE(host.network.delete_rule(drop).ok());
  host.guest(1).send(1, from(1));
  REQUIRE(host.guest(1).push().ok());
  CHECK(host.machine.nic.sent.size() == 1);
}

TEST_CASE("a packet between domains is copied once, received like any other, and answered at once") {
  NetworkHost host{3};
  Guest &sender = host.guest(1), &receiver = host.guest(2);
  receiver.post(4);
  REQUIRE(receiver.push().ok());
  const Packet packet = from(1, NetworkHost::address(2), 1001);
  sender.send(3, packet, 0x7d);
  REQUIRE(sender.push().ok());
  CHECK(host.machine.nic.sent.empty());
  const auto sent = sender.transmit_answers();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].status == kOk);
  const auto received = receiver.receive_answers();
  REQUIRE(received.size() == 1);
  CHECK(received[0].bytes == 1001);
  const Packet seen = receiver.read(receiver.frame(4), 0, 1001);
  CHECK(test::get(seen, 0, 6) == vif_mac(receiver));
  CHECK(test::get(seen, 6, 6) == kCardMac);
  CHECK(Packet(seen.begin() + 12, seen.end()) == Packet(packet.begin() + 12, packet.end()));
  CHECK(receiver.frame(4) != sender.frame(3));
  CHECK(host.memory.frames().info(sender.frame(3)).total_count == 1);
  CHECK(host.cpu().times(hw::Step::packet_word) == 251);  // ceil(1001 / 4)
  check_conserved(host);
}

TEST_CASE("a packet to a domain of this machine that has no buffer is lost there; the sender is not told") {
  NetworkHost host{3};
  host.guest(1).send(3, from(1, NetworkHost::address(2)));
  REQUIRE(host.guest(1).push().ok());
  CHECK(host.guest(1).transmit_answers().at(0).status == kOk);
  CHECK(host.guest(2).vif().received[PacketFate::no_buffer] == 1);
  check_conserved(host);
}

TEST_CASE("a posted page that the guest has filled again costs the packet, not the page") {
  NetworkHost host;
  Guest& guest = host.guest(1);
  guest.post(5);
  REQUIRE(guest.push().ok());
  const MachineFrame lent = guest.frame(5), other = guest.frame(6);
  // The guest moves page 6 into the empty entry, as an update of its page table would.
  const MachineFrame table = MachineFrame::of_address(guest.entry_address(0));
  REQUIRE(host.memory.tables().set_l1_entry(table, 6, 0));
  REQUIRE(host.memory.tables().set_l1_entry(table, 5, other.address() | kEntryPresent | kEntryWritable));
  host.arrive(to(1));
  host.interrupt();
  const auto answers = guest.receive_answers();
  REQUIRE(answers.size() == 1);
  CHECK(answers[0].status == kBadPage);
  CHECK(guest.frame(5) == other);
  CHECK(host.memory.frames().info(lent).owner == guest.domain.id);
  CHECK(guest.vif().received[PacketFate::buffer_remapped] == 1);
  check_conserved(host);
}

TEST_CASE("a buffer must be an own page, mapped writable and once, by an own page table") {
  NetworkHost host{3};
  Guest& guest = host.guest(1);
  const auto refused = [&](u32 entry) {
    guest.post_entry(42, entry);
    REQUIRE(guest.push().ok());
    const auto answers = guest.receive_answers();
    REQUIRE(answers.size() == 1);
    CHECK(answers[0].id == 42);
    CHECK(answers[0].status == kBadPage);
  };
  refused(host.guest(2).entry_address(5));         // somebody else's table
  refused(guest.frame(3).address());               // a data page
  refused(guest.entry_address(5) + 1);             // not an entry
  refused(0xfffffffc);                             // beyond RAM
  refused(guest.entry_address(guest.pages + 20));  // maps nothing
  guest.post(5);
  REQUIRE(guest.push().ok());
  CHECK(guest.receive_answers().empty());
  refused(guest.entry_address(5));  // lent already
  const MachineFrame table = MachineFrame::of_address(guest.entry_address(0));
  REQUIRE(host.memory.tables().set_l1_entry(table, 60, guest.frame(6).address() | kEntryPresent));
  refused(guest.entry_address(6));  // mapped twice
  CHECK(guest.vif().buffers_refused == 7);
  CHECK(guest.vif().buffers_taken == 1);
}

TEST_CASE("VIFs take turns, one packet each") {
  NetworkHost host{4};
  host.machine.nic.transmit_ring = 1;
  host.guest(3).send(1, from(3));  // fills the card
  REQUIRE(host.guest(3).push().ok());
  for (u32 guest = 1; guest <= 3; ++guest) {
    for (u32 page = 10; page < 14; ++page) host.guest(guest).send(page, from(guest));
    REQUIRE(host.guest(guest).push().ok());
  }
  for (int i = 0; i < 12; ++i) {
    host.machine.nic.complete_transmits();
    host.interrupt();
    check_conserved(host);
  }
  std::vector<u32> order;
  for (std::size_t i = 0; i < host.machine.nic.sent.size(); ++i)
    order.push_back(static_cast<u32>(test::get(host.wire(i), 26, 4) - NetworkHost::address(0)));
  // The first of guest 1 was ready before anybody else asked; from then on 1, 2, 3.
  CHECK(order == std::vector<u32>{3, 1, 1, 2, 3, 1, 2, 3, 1, 2, 3, 2, 3});
}

TEST_CASE("requests added without a hypercall are found when a packet of the VIF is done") {
  NetworkHost host;
  Guest& guest = host.guest(1);
  guest.send(1, from(1));
  REQUIRE(guest.push().ok());
  guest.send(2, from(1));
  guest.send(3, from(1));
  CHECK(host.machine.nic.sent.size() == 1);
  host.machine.nic.complete_transmits();
  host.interrupt();
  CHECK(host.machine.nic.sent.size() == 3);
}

TEST_CASE("credit lets so many bytes pass in each period, and the rest waits for the timer") {
  NetworkHost host;
  Guest& guest = host.guest(1);
  REQUIRE(host.network.set_credit(guest.domain, 0, 1200, 1000).ok());  // 1200 bytes each ms; the clock has 1 ns cycles
  CHECK(host.network.next_timer() == kNever);
  for (u32 page = 1; page <= 5; ++page) guest.send(page, from(1));
  REQUIRE(guest.push().ok());
  CHECK(host.machine.nic.sent.size() == 2);
  CHECK(host.network.next_timer() == 1'000'000);
  check_conserved(host);
  host.machine.advance(999'999);
  host.network.run_timers(host.clock.now());
  CHECK(host.machine.nic.sent.size() == 2);
  host.machine.advance(1);
  host.network.run_timers(host.clock.now());
  CHECK(host.machine.nic.sent.size() == 4);
  CHECK(host.network.next_timer() == 2'000'000);
  host.machine.advance(1'000'000);
  host.network.run_timers(host.clock.now());
  CHECK(host.machine.nic.sent.size() == 5);
  CHECK(host.network.next_timer() == kNever);
  check_conserved(host);
}

TEST_CASE("credit that was not used is not kept") {
  NetworkHost host;
  Guest& guest = host.guest(1);
  REQUIRE(host.network.set_credit(guest.domain, 0, 1200, 1000).ok());
  guest.send(1, from(1));
  REQUIRE(guest.push().ok());
  host.machine.advance(5'000'000);  // 700 bytes left, five periods unused
  for (u32 page = 2; page <= 5; ++page) guest.send(page, from(1, kElsewhere, page == 2 ? 701 : 499));
  REQUIRE(guest.push().ok());
  CHECK(host.machine.nic.sent.size() == 1 + 2);  // 701 + 499 = 1200
  CHECK(host.network.next_timer() == 6'000'000);
}

TEST_CASE("a packet larger than the whole allowance goes once per period instead of waiting for ever") {
  NetworkHost host;
  Guest& guest = host.guest(1);
  REQUIRE(host.network.set_credit(guest.domain, 0, 100, 1000).ok());
  guest.send(1, from(1));
  guest.send(2, from(1));
  REQUIRE(guest.push().ok());
  CHECK(host.machine.nic.sent.empty());
  host.machine.advance(1'000'000);
  host.network.run_timers(host.clock.now());
  CHECK(host.machine.nic.sent.size() == 1);
  host.machine.advance(1'000'000);
  host.network.run_timers(host.clock.now());
  CHECK(host.machine.nic.sent.size() == 2);
}

TEST_CASE("a domain that waits for credit does not hold up another") {
  NetworkHost host{3};
  REQUIRE(host.network.set_credit(host.guest(1).domain, 0, 600, 1000).ok());
  for (u32 page = 1; page <= 3; ++page) {
    host.guest(1).send(page, from(1));
    host.guest(2).send(page, from(2));
  }
  REQUIRE(host.guest(1).push().ok());
  REQUIRE(host.guest(2).push().ok());
  CHECK(host.machine.nic.sent.size() == 1 + 3);
}

TEST_CASE("the hypercall refuses what it does not know") {
  NetworkHost host;
  Guest& guest = host.guest(1);
  Caller caller = guest.caller();
  CHECK(guest.push(1).eax() == -22);
  CHECK(guest.push(8).eax() == -22);
  CHECK(guest.push(0xffffffff).eax() == -22);
  CHECK(host.network.net_io(caller, 7, 0, 0).eax() == -38);
  CHECK(host.network.net_io(caller, static_cast<u32>(NetIoOp::get_ring), 0, 0xfd000000).eax() == -14);
  REQUIRE(host.network.net_io(caller, static_cast<u32>(NetIoOp::get_ring), 0, guest.address(2)).ok());
  const u32 at = guest.frame(2).address();
  CHECK(host.machine.ram.word(at) == guest.vif().ring_frame.number());
  CHECK(host.machine.ram.word(at + 4) == 0xaa00);
  CHECK(host.machine.ram.word(at + 8) == 0x00001000);
  CHECK(vif_mac(host.guest(0)) == kCardMac);
}

TEST_CASE("a domain has eight VIFs and no ninth") {
  NetworkHost host;
  u32 index = 0;
  for (u32 i = 1; i < 8; ++i) {
    REQUIRE(host.network.create_vif(host.guest(1).domain, index).ok());
    CHECK(index == i);
  }
  CHECK(host.network.create_vif(host.guest(1).domain, index).eax() == -28);
}

TEST_CASE("a hostile producer index sends nothing and hurts nobody") {
  NetworkHost host{3};
  Guest& hostile = host.guest(1);
  for (u32 value : {257u, 0x80000000u, 0xffffffffu}) {
    hostile.set_index(0, value);
    hostile.set_index(3, value);
    REQUIRE(hostile.push().ok());
    CHECK(hostile.transmit_answers().empty());
    CHECK(hostile.receive_answers().empty());
  }
  hostile.set_index(0, 256);  // a full ring of zeros: 256 refusals, no more
  REQUIRE(hostile.push().ok());
  CHECK(hostile.vif().transmitted[PacketFate::bad_size] == 256);
  host.guest(2).send(1, from(2));
  REQUIRE(host.guest(2).push().ok());
  CHECK(host.machine.nic.sent.size() == 1);
  check_conserved(host);
}

TEST_CASE("a dying domain gets its buffers back; what the card still reads stays until it is done") {
  NetworkHost host{3};
  Guest& guest = host.guest(1);
  host.machine.nic.transmit_ring = 2;
  guest.post(5);
  for (u32 page = 10; page < 15; ++page) guest.send(page, from(1));
  REQUIRE(guest.push().ok());
  REQUIRE(host.machine.nic.sent.size() == 2);  // one more waits for room, two are still in the ring
  const MachineFrame with_card[2] = {guest.frame(10), guest.frame(11)};
  const MachineFrame lent = guest.frame(5), refused = guest.frame(12);
  check_conserved(host);

  host.destroy(1);
  FrameTable& frames = host.memory.frames();
  CHECK(frames.info(lent).owner == kOwnerFree);
  CHECK(frames.info(refused).owner == kOwnerFree);
  for (const MachineFrame frame : with_card) CHECK(frames.info(frame).owner == kOwnerOrphan);
  check_conserved(host);
  CHECK(host.network.audit().from_vifs[PacketFate::domain_gone] == 3);

  host.machine.nic.complete_transmits();
  host.interrupt();
  for (const MachineFrame frame : with_card) CHECK(frames.info(frame).owner == kOwnerFree);
  CHECK(host.machine.nic.sent.size() == 2);
  CHECK(frames.audit_owned(kOwnerOrphan) == 0);
  check_conserved(host);
  host.arrive(to(1));  // its rule is still there, its VIF is not
  host.interrupt();
  CHECK(host.network.audit().from_wire[PacketFate::no_route] == 1);
  host.guest(2).send(1, from(2));
  REQUIRE(host.guest(2).push().ok());
  CHECK(host.machine.nic.sent.size() == 3);
  check_conserved(host);
}

TEST_CASE("a machine without a card still switches packets between its domains") {
  NetworkHost with{3};
  // The same network built on a machine that has no card: local traffic only.
  with.machine.has_nic = false;
  Network local{with.machine, with.arena, with.domains, with.memory, with.run_states, with.events, with.clock};
  NetworkRule in{};
  in.source_vif = kVifAny;
  in.destination_vif = vif_id(2, 0);
  in.destination_address = NetworkHost::address(2);
  in.destination_address_mask = ~0u;
  REQUIRE(local.add_rule(in).ok());
  Guest &sender = with.guest(1), &receiver = with.guest(2);
  receiver.post(4);
  Caller caller = receiver.caller();
  REQUIRE(local.net_io(caller, 0, 0, 0).ok());
  sender.send(3, from(1, NetworkHost::address(2)));
  sender.send(4, from(1, kElsewhere));
  Caller sending = sender.caller();
  REQUIRE(local.net_io(sending, 0, 0, 0).ok());
  CHECK(receiver.receive_answers().size() == 1);
  const auto answers = sender.transmit_answers();
  REQUIRE(answers.size() == 2);
  CHECK(answers[0].status == kOk);
  CHECK(answers[1].status == kDropped);
}
