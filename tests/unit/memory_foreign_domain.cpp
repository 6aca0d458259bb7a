// The right of domain 0 to other domains' frames: named domain by domain, for one batch, and no further than needed.
#include <doctest/doctest.h>

#include "support/memory_checker.h"
#include "support/memory_world.h"

using namespace test;

namespace {

constexpr s32 kInvalid = -22, kNotPermitted = -1, kNoSuchDomain = -3;

struct World : MemoryWorld {
  World() : MemoryWorld{2048} {
    domain0 = &add_guest(64);
    guest = &add_guest(64);
    other = &add_guest(64);
    run(*domain0);
    entry0 = domain0->entry_of(domain0->first_free());
  }
  ~World() { CHECK(MemoryChecker{*this}.check() == ""); }

  // Domain 0 asks for what it has not been given: `guest` or `other` without naming them.
  s32 map(MachineFrame frame, u32 flags = kP) { return write_entry(*domain0, entry0, frame.address() | flags); }
  s32 otherdomain(Guest& caller, u32 address, u32 entry, u32 flags, DomainId domain) {
    Caller who{cpu(), caller.vcpu, caller.domain};
    return memory.update_va_mapping_otherdomain(who, address >> kPageShift, entry, flags, domain).eax();
  }
  // A page of domain 0 that nothing refers to.
  MachineFrame unused_page(u32 page) {
    REQUIRE(remap(*domain0, page, 0) == 0);
    return domain0->page(page);
  }

  Guest *domain0, *guest, *other;
  u32 entry0;
};

}  // namespace

TEST_CASE("only domain 0 may name a foreign domain, and only one that exists") {
  World w;
  CHECK(w.update_foreign(*w.domain0, 1, {}) == 0);
  CHECK(w.update_foreign(*w.domain0, 0, {}) == kInvalid);  // itself: it could be given its own pages
  CHECK(w.update_foreign(*w.domain0, 3, {}) == kInvalid);
  CHECK(w.update_foreign(*w.domain0, kDomainSelf, {}) == kInvalid);
  w.guest->domain.dying = true;
  CHECK(w.update_foreign(*w.domain0, 1, {}) == kInvalid);
  w.guest->domain.dying = false;
  w.run(*w.guest);
  CHECK(w.update_foreign(*w.guest, 2, {}) == kInvalid);
  CHECK(w.update_foreign(*w.guest, 1, {}) == kInvalid);
}

TEST_CASE("a batch that names a foreign domain may use its frames and its own, and no third domain's") {
  World w;
  const MachineFrame theirs = w.guest->page(20), third = w.other->page(20), own = w.domain0->page(20);
  const auto map = [&](MachineFrame frame) {
    return w.update_foreign(*w.domain0, 1, {{w.entry0, frame.address() | kP | kW}});
  };
  CHECK(map(theirs) == 0);
  CHECK(w.info(theirs).type_count == 2);
  CHECK(map(own) == 0);
  CHECK(map(third) == kInvalid);
  const u32 m2p = static_cast<u32>(MmuRequest::update_m2p);
  CHECK(w.update_foreign(*w.domain0, 1, {{theirs.address() | m2p, 77}}) == 0);
  CHECK(w.memory.machine_to_phys(theirs) == 77);
  CHECK(w.update_foreign(*w.domain0, 1, {{third.address() | m2p, 77}}) == kInvalid);
  CHECK(w.update_foreign(*w.domain0, 1,
                         {MemoryWorld::command_request(MmuCommand::unpin, w.other->directory().address())}) ==
        kInvalid);
}

TEST_CASE("the foreign domain is forgotten at the end of the batch, by clear_foreign_domain, and after an error") {
  World w;
  const MachineFrame theirs = w.guest->page(20);
  const MmuUpdate map{w.entry0, theirs.address() | kP};
  CHECK(w.update_foreign(*w.domain0, 1, {}) == 0);
  CHECK(w.map(theirs) == kInvalid);
  u32 done = 0;
  const MmuUpdate clear = MemoryWorld::command_request(MmuCommand::clear_foreign_domain, 0);
  CHECK(w.update_foreign(*w.domain0, 1, {map, {w.entry0, 0}, clear, map}, &done) == kInvalid);
  CHECK(done == 4);
  CHECK(w.update_foreign(*w.domain0, 1, {{w.entry0, 0xfffff000 | kP}}) == kInvalid);
  CHECK(w.map(theirs) == kInvalid);
}

TEST_CASE("what domain 0 has mapped stays mapped; changing the entry's rights needs the domain named again") {
  World w;
  const MachineFrame theirs = w.guest->page(20);
  REQUIRE(w.update_foreign(*w.domain0, 1, {{w.entry0, theirs.address() | kP}}) == 0);
  CHECK(w.map(theirs, kP | kEntryAccessed) == 0);  // no new reference
  CHECK(w.map(theirs, kP | kW) == kInvalid);
  CHECK(w.machine.ram.word(w.entry0) == (theirs.address() | kP | kEntryAccessed));
  CHECK(w.write_entry(*w.domain0, w.entry0, 0) == 0);
}

TEST_CASE("a table of domain 0 that maps foreign frames is validated only while their domain is named") {
  World w;
  const u32 page = w.domain0->first_free() + 1, address = kGuestKernelStart + page * kPageSize;
  const u32 word = w.guest->page(20).address() | kP;
  REQUIRE(w.cpu().copy_to_guest(address, &word, 4));
  const std::vector<MmuUpdate> table{{w.domain0->entry_of(page), w.domain0->page(page).address() | kP},
                                     MemoryWorld::command_request(MmuCommand::pin_l1, w.domain0->page(page).address())};
  CHECK(w.update(*w.domain0, table) == kInvalid);
  CHECK(w.update_foreign(*w.domain0, 2, table) == kInvalid);
  CHECK(w.update_foreign(*w.domain0, 1, table) == 0);
}

TEST_CASE("update_va_mapping_otherdomain: every refusal, then one mapping of a foreign frame") {
  World w;
  const u32 address = kGuestKernelStart + w.domain0->first_free() * kPageSize;
  const u32 theirs = w.guest->page(20).address();
  CHECK(w.otherdomain(*w.domain0, address, theirs | kP, 0, 3) == kNoSuchDomain);
  CHECK(w.otherdomain(*w.domain0, address, theirs | kP, 0, 2) == kInvalid);
  CHECK(w.otherdomain(*w.domain0, address, theirs | kP | kW, 0, 1) == 0);
  CHECK(w.machine.ram.word(w.entry0) == (theirs | kP | kW));
  CHECK(w.map(w.guest->page(21)) == kInvalid);  // and no more than one
  w.cpu().invalidated.clear();
  CHECK(w.otherdomain(*w.domain0, address, 0, kVaInvalidate, 1) == 0);
  CHECK(w.cpu().invalidated == std::vector<u32>{address});
  w.run(*w.guest);
  CHECK(w.otherdomain(*w.guest, address, theirs | kP, 0, 1) == kNotPermitted);
}

TEST_CASE("reassign_page gives an unused frame of domain 0 to a domain that has room for it") {
  World w;
  const u32 page = w.domain0->first_free() + 1;
  const auto reassign = [&](MachineFrame frame, DomainId to) {
    return w.update_foreign(*w.domain0, to, {MemoryWorld::command_request(MmuCommand::reassign_page, frame.address())});
  };
  CHECK(reassign(w.domain0->page(page), 1) == kInvalid);  // still mapped
  const MachineFrame frame = w.unused_page(page);
  CHECK(w.command(*w.domain0, MmuCommand::reassign_page, frame) == kInvalid);  // to nobody
  CHECK(reassign(frame, 1) == kInvalid);                                       // it has all of its reservation
  w.run(*w.guest);
  REQUIRE(w.remap(*w.guest, 20, 0) == 0);
  std::vector<u32> given{w.guest->page(20).number()};
  REQUIRE(w.balloon(*w.guest, DomMemOp::decrease, given) == 1);
  w.run(*w.domain0);
  CHECK(reassign(w.guest->page(21), 1) == kInvalid);              // not domain 0's
  CHECK(reassign(w.domain0->domain.shared_info, 1) == kInvalid);  // the core holds it
  CHECK(reassign(MachineFrame{0xfffff}, 1) == kInvalid);
  CHECK(reassign(frame, 1) == 0);
  CHECK(w.info(frame).owner == 1);
  CHECK(w.guest->domain.memory.frame_count() == 64);
  CHECK(w.domain0->domain.memory.frame_count() == 63);
  CHECK(w.memory.machine_to_phys(frame) == kNoPage);
  w.run(*w.guest);
  CHECK(w.write_entry(*w.guest, w.guest->entry_of(20), frame.address() | kP | kW) == 0);
}

TEST_CASE("a reassigned page is flushed from the TLB of its old owner") {
  World w;
  REQUIRE(w.remap(*w.guest, 20, 0) == 0);
  w.run(*w.guest);
  std::vector<u32> given{w.guest->page(20).number()};
  REQUIRE(w.balloon(*w.guest, DomMemOp::decrease, given) == 1);
  w.run(*w.domain0);
  const MachineFrame frame = w.unused_page(w.domain0->first_free() + 1);
  w.cpu().base_loads = 0;
  CHECK(w.update_foreign(*w.domain0, 1, {MemoryWorld::command_request(MmuCommand::reassign_page, frame.address())}) ==
        0);
  CHECK(w.cpu().base_loads == 1);
}

TEST_CASE("a dead domain's page that domain 0 had mapped is flushed from its TLB before anybody else can have it") {
  for (const u32 flags : {kP, kP | kW}) {
    World w;
    REQUIRE(w.update_foreign(*w.domain0, 1, {{w.entry0, w.guest->page(20).address() | flags}}) == 0);
    w.memory.release_all(w.cpu(), w.guest->domain);
    REQUIRE(w.memory.frames().orphans().count == 1);
    w.cpu().base_loads = 0;
    CHECK(w.write_entry(*w.domain0, w.entry0, 0) == 0);
    CHECK(w.memory.frames().orphans().count == 0);
    CHECK(w.cpu().base_loads == 1);
  }
}

TEST_CASE("commands that have no meaning on this machine are refused: larger tables, caches, page transfer") {
  World w;
  for (const u32 command : {2u, 3u, 8u, 12u, 14u, 255u})
    CHECK(w.update(*w.domain0, {{w.domain0->page(20).address() | 3, command}}) == kInvalid);
  CHECK(w.update(*w.domain0, {{w.domain0->page(20).address() | 1, 0}}) == kInvalid);  // request 1: the unchecked update
}
