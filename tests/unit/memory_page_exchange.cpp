// Lending a page to receive a packet, and the exchange of frames that delivers it.
#include <doctest/doctest.h>

#include "support/memory_checker.h"
#include "support/memory_world.h"

using namespace test;

namespace {

struct World : MemoryWorld {
  World() : MemoryWorld{2048}, exchange{memory}, checker{*this} {
    domain0 = &add_guest(64);
    guest = &add_guest(64);
    run(*guest);
    page = guest->first_free();
    cpu().base_loads = 0;
  }
  ~World() { CHECK(checker.check() == ""); }
  PostedBuffer lend(u32 which) {
    PostedBuffer posted;
    REQUIRE(exchange.take_buffer(guest->domain, guest->entry_of(which), posted));
    checker.posted.push_back(posted);
    CHECK(checker.check() == "");
    return posted;
  }
  MachineFrame give(const PostedBuffer& posted, MachineFrame packet, bool& delivered) {
    checker.posted.clear();
    return exchange.give_packet(cpu(), guest->domain, posted, packet, kPageSize, delivered);
  }
  u32 entry(u32 which) { return machine.ram.word(guest->entry_of(which)); }

  PageExchange exchange;
  MemoryChecker checker;
  Guest *domain0, *guest;
  u32 page;
};

}  // namespace

TEST_CASE("a lent page leaves the domain and its mapping; the packet's frame takes its place") {
  World w;
  const MachineFrame old = w.guest->page(w.page), packet = w.memory.allocate_core_frame();
  const PostedBuffer posted = w.lend(w.page);
  CHECK(posted.frame == old);
  CHECK((w.entry(w.page) & kP) == 0);
  CHECK(w.guest->domain.memory.frame_count() == 63);
  CHECK(w.info(old).owner == kOwnerHypervisor);
  std::vector<u32> more(1);
  CHECK(w.balloon(*w.guest, DomMemOp::increase, more) == -12);  // a lent page still counts against the reservation

  bool delivered = false;
  CHECK(w.give(posted, packet, delivered) == old);
  CHECK(delivered);
  CHECK((w.entry(w.page) & (kEntryFrameMask | kP | kW)) == (packet.address() | kP | kW));
  CHECK(w.guest->domain.memory.frame_count() == 64);
  CHECK(w.info(packet).total_count == 1);
  CHECK(w.info(packet).type_count == 1);
  CHECK(w.memory.machine_to_phys(packet) == w.page);
  CHECK(w.memory.machine_to_phys(old) == kNoPage);
  w.memory.release_core_frame(old);
}

TEST_CASE("delivery flushes the domain's CPU only if it has not flushed since the page was lent") {
  World w;
  bool delivered = false;
  PostedBuffer posted = w.lend(w.page);
  MachineFrame left = w.give(posted, w.memory.allocate_core_frame(), delivered);
  CHECK(w.cpu().base_loads == 1);

  posted = w.lend(w.page + 1);
  REQUIRE(w.command(*w.guest, MmuCommand::flush_tlb, left) == 0);
  CHECK(w.cpu().base_loads == 2);
  left = w.give(posted, left, delivered);
  CHECK(w.cpu().base_loads == 2);

  posted = w.lend(w.page + 2);
  w.run(*w.domain0);
  CHECK(w.cpu().base_loads == 3);
  left = w.give(posted, left, delivered);  // the domain is not running: its next switch-in flushes
  CHECK(w.cpu().base_loads == 3);
  w.memory.release_core_frame(left);
}

TEST_CASE("of several pages lent together only the first delivery flushes") {
  World w;
  bool delivered = false;
  PostedBuffer posted[8];
  for (u32 i = 0; i < 8; ++i) posted[i] = w.lend(w.page + i);
  w.checker.posted.clear();
  MachineFrame packet = w.memory.allocate_core_frame();
  for (const PostedBuffer& each : posted) packet = w.give(each, packet, delivered);
  CHECK(w.cpu().base_loads == 1);
  w.memory.release_core_frame(packet);
}

TEST_CASE("a page is lent only if it is the domain's own, mapped writable, once, by one of its tables") {
  World w;
  PostedBuffer posted;
  const auto refused = [&](Guest& guest, u32 entry_address) {
    return !w.exchange.take_buffer(guest.domain, entry_address, posted);
  };
  CHECK(refused(*w.guest, w.guest->entry_of(w.page) + 2));
  CHECK(refused(*w.guest, w.domain0->entry_of(20)));                       // another's table
  CHECK(refused(*w.guest, w.guest->page(w.page).address()));               // no table
  CHECK(refused(*w.guest, w.guest->directory().address() + 768 * 4));      // a directory
  CHECK(refused(*w.guest, w.machine.ram.frame_count() << 12));             // beyond RAM
  CHECK(refused(*w.guest, w.guest->entry_of(w.guest->first_table_page)));  // read-only
  CHECK(refused(*w.guest, w.guest->entry_of(64)));                         // shared with the core
  CHECK(refused(*w.guest, w.guest->entry_of(66)));                         // not present
  REQUIRE(w.write_entry(*w.guest, w.guest->entry_of(70), w.guest->page(w.page).address() | kP) == 0);
  CHECK(refused(*w.guest, w.guest->entry_of(w.page)));  // mapped twice
  w.run(*w.domain0);
  const u32 foreign_page = w.guest->page(w.page + 1).address();
  REQUIRE(w.update_foreign(*w.domain0, w.guest->domain.id, {{w.domain0->entry_of(20), foreign_page | kP | kW}}) == 0);
  CHECK(refused(*w.domain0, w.domain0->entry_of(20)));  // domain 0 maps it, but it is not its own
  CHECK(refused(*w.guest, w.guest->entry_of(w.page + 1)));
}

TEST_CASE("a guest that fills the entry of a lent page gets its page back and no packet") {
  World w;
  const PostedBuffer posted = w.lend(w.page);
  REQUIRE(w.write_entry(*w.guest, w.guest->entry_of(w.page), w.guest->page(w.page + 1).address() | kP) == 0);
  const MachineFrame packet = w.memory.allocate_core_frame();
  bool delivered = true;
  CHECK(w.give(posted, packet, delivered) == packet);
  CHECK_FALSE(delivered);
  CHECK(w.info(posted.frame).owner == w.guest->domain.id);
  CHECK(w.info(posted.frame).total_count == 0);
  CHECK(w.guest->domain.memory.frame_count() == 64);
  w.memory.release_core_frame(packet);
}

TEST_CASE("what a guest writes into the waiting entry cannot become part of the mapping") {
  World w;
  const PostedBuffer posted = w.lend(w.page);
  REQUIRE(w.write_entry(*w.guest, w.guest->entry_of(w.page), 0xfffffffe) == 0);
  bool delivered = false;
  const MachineFrame left = w.give(posted, w.memory.allocate_core_frame(), delivered);
  CHECK(delivered);
  CHECK((w.entry(w.page) & (kEntryGlobal | kEntryLarge)) == 0);
  w.memory.release_core_frame(left);
}

TEST_CASE("the table of a lent page stays a page table until the packet comes, even if the guest drops it") {
  World w;
  REQUIRE(w.make_table(*w.guest, w.page) == 0);
  const u32 entry_address = w.guest->page(w.page).address() + 12;
  REQUIRE(w.remap(*w.guest, w.page + 1, 0) == 0);
  REQUIRE(w.write_entry(*w.guest, entry_address, w.guest->page(w.page + 1).address() | kP | kW) == 0);
  PostedBuffer posted;
  REQUIRE(w.exchange.take_buffer(w.guest->domain, entry_address, posted));
  REQUIRE(w.command(*w.guest, MmuCommand::unpin, w.guest->page(w.page)) == 0);
  CHECK(w.remap(*w.guest, w.page, kP | kW) == -22);
  bool delivered = false;
  const MachineFrame packet = w.memory.allocate_core_frame();
  w.memory.release_core_frame(w.give(posted, packet, delivered));
  CHECK(delivered);
  CHECK(w.info(packet).total_count == 0);  // nobody else held the table, so it was released with its mapping
  CHECK(w.info(packet).owner == w.guest->domain.id);
  CHECK(w.remap(*w.guest, w.page, kP | kW) == 0);
}

TEST_CASE("a lent page goes back unmapped when its interface goes away") {
  World w;
  const PostedBuffer posted = w.lend(w.page);
  w.checker.posted.clear();
  w.exchange.return_buffer(w.guest->domain, posted);
  CHECK(w.guest->domain.memory.frame_count() == 64);
  CHECK(w.remap(*w.guest, w.page, kP | kW) == 0);
}

TEST_CASE("a page that was lent, came back and becomes a table is flushed: the TLB may still hold it writable") {
  World w;
  const PostedBuffer posted = w.lend(w.page);
  w.checker.posted.clear();
  w.exchange.return_buffer(w.guest->domain, posted);
  CHECK(w.cpu().base_loads == 0);
  CHECK(w.command(*w.guest, MmuCommand::pin_l1, posted.frame) == 0);
  CHECK(w.cpu().base_loads == 1);
}

TEST_CASE("a held payload does not leave the domain, and its type may still change") {
  World w;
  const MachineFrame frame = w.guest->page(w.page);
  CHECK_FALSE(w.exchange.hold_payload(w.guest->domain, w.domain0->page(20)));
  CHECK_FALSE(w.exchange.hold_payload(w.guest->domain, MachineFrame{w.machine.ram.frame_count()}));
  CHECK_FALSE(w.exchange.hold_payload(w.guest->domain, w.memory.master_directory()));
  REQUIRE(w.exchange.hold_payload(w.guest->domain, frame));
  REQUIRE(w.remap(*w.guest, w.page, 0) == 0);
  std::vector<u32> one{frame.number()};
  CHECK(w.balloon(*w.guest, DomMemOp::decrease, one) == -22);
  w.exchange.release_payload(frame);
  CHECK(w.balloon(*w.guest, DomMemOp::decrease, one) == 1);
}
