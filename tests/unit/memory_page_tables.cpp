// The rules of page-table validation, each as a sentence.
#include <doctest/doctest.h>

#include "support/memory_checker.h"
#include "support/memory_world.h"

using namespace test;

namespace {

constexpr s32 kInvalid = -22;

struct World : MemoryWorld {
  World() : MemoryWorld{2048} {
    domain0 = &add_guest(64);
    guest = &add_guest(64);
    other = &add_guest(64);
    run(*guest);
    free = guest->first_free();
  }
  ~World() { CHECK(MemoryChecker{*this}.check() == ""); }

  // An empty page table in slot 0 of the guest's directory, so that entries can be tried at will.
  MachineFrame hook_table(u32 page) {
    REQUIRE(make_table(*guest, page) == 0);
    REQUIRE(write_entry(*guest, guest->directory().address(), guest->page(page).address() | kP | kW) == 0);
    return guest->page(page);
  }

  Guest *domain0, *guest, *other;
  u32 free;
};

}  // namespace

TEST_CASE("a freshly built domain maps each of its pages once, its tables read-only") {
  World w;
  for (u32 p = 0; p < w.guest->pages.size(); ++p) {
    const bool table = p >= w.guest->first_table_page && p < w.guest->first_free_page;
    const u32 entry = w.machine.ram.word(w.guest->entry_of(p));
    CHECK((entry & kEntryFrameMask) == w.guest->page(p).address());
    CHECK(((entry & kW) == 0) == table);
    CHECK(w.memory.machine_to_phys(w.guest->page(p)) == p);
    CHECK(w.info(w.guest->page(p)).type_count == (table ? (w.guest->page(p) == w.guest->directory() ? 2u : 1u) : 1u));
  }
}

TEST_CASE("the writable count of a frame is the number of present writable entries that map it") {
  World w;
  const MachineFrame table = w.hook_table(w.free);
  const MachineFrame page = w.guest->page(w.free + 1);
  CHECK(w.info(page).type_count == 1);
  for (u32 i = 0; i < 5; ++i) CHECK(w.write_entry(*w.guest, table.address() + i * 4, page.address() | kP | kW) == 0);
  CHECK(w.info(page).type_count == 6);
  CHECK(w.write_entry(*w.guest, table.address() + 20, page.address() | kP) == 0);
  CHECK(w.info(page).type_count == 6);
  CHECK(w.info(page).total_count == 7);
  CHECK(w.write_entry(*w.guest, table.address(), 0) == 0);
  CHECK(w.info(page).type_count == 5);
}

TEST_CASE("a change of accessed, dirty, user or cache bits takes no reference") {
  World w;
  const MachineFrame table = w.hook_table(w.free), page = w.guest->page(w.free + 1);
  REQUIRE(w.write_entry(*w.guest, table.address(), page.address() | kP | kW) == 0);
  for (const u32 bits : {kEntryAccessed, kEntryDirty, kEntryUser, 1u << 3, 1u << 4, 1u << 9}) {
    CHECK(w.write_entry(*w.guest, table.address(), page.address() | kP | kW | bits) == 0);
    CHECK(w.info(page).type_count == 2);
    CHECK(w.machine.ram.word(table.address()) == (page.address() | kP | kW | bits));
  }
}

TEST_CASE("entries with the global bit or bit 7 are refused in tables and directories") {
  World w;
  const MachineFrame table = w.hook_table(w.free), page = w.guest->page(w.free + 1);
  for (const u32 bit : {kEntryGlobal, kEntryLarge}) {
    CHECK(w.write_entry(*w.guest, table.address(), page.address() | kP | bit) == kInvalid);
    CHECK(w.write_entry(*w.guest, w.guest->directory().address() + 4, table.address() | kP | bit) == kInvalid);
    CHECK(w.write_entry(*w.guest, table.address(), page.address() | bit) == 0);  // not present: any bits
    CHECK(w.write_entry(*w.guest, table.address(), 0) == 0);
  }
}

TEST_CASE("a page that is mapped writable does not become a page table") {
  World w;
  CHECK(w.command(*w.guest, MmuCommand::pin_l1, w.guest->page(w.free)) == kInvalid);
  CHECK(w.command(*w.guest, MmuCommand::pin_l2, w.guest->page(w.free)) == kInvalid);
}

TEST_CASE("a page table in use is not mapped writable, by its owner or by domain 0") {
  World w;
  const MachineFrame table = w.hook_table(w.free);
  CHECK(w.remap(*w.guest, w.free, kP | kW) == kInvalid);
  CHECK(w.write_entry(*w.guest, table.address(), table.address() | kP | kW) == kInvalid);
  w.run(*w.domain0);
  const u32 entry0 = w.domain0->entry_of(w.domain0->first_free());
  CHECK(w.update_foreign(*w.domain0, w.guest->domain.id, {{entry0, table.address() | kP | kW}}) == kInvalid);
  CHECK(w.update_foreign(*w.domain0, w.guest->domain.id, {{entry0, table.address() | kP}}) == 0);
}

TEST_CASE("everybody maps its own frames only, and nobody the hypervisor's or free ones") {
  World w;
  const u32 hypervisor = w.memory.master_directory().address(), free_frame = (w.machine.ram.frame_count() - 1) << 12;
  const u32 beyond = w.machine.ram.frame_count() << 12, foreign = w.other->page(w.free).address();
  const u32 place = w.hook_table(w.free).address();
  for (const u32 target : {hypervisor, free_frame, beyond, foreign, 0xfffff000u, 0u}) {
    CHECK(w.write_entry(*w.guest, place, target | kP) == kInvalid);
    CHECK(w.write_entry(*w.guest, place, target | kP | kW) == kInvalid);
  }
  w.run(*w.domain0);
  const u32 entry0 = w.domain0->entry_of(w.domain0->first_free());
  for (const u32 target : {hypervisor, free_frame, beyond, foreign}) {
    CHECK(w.write_entry(*w.domain0, entry0, target | kP) == kInvalid);
    CHECK(w.write_entry(*w.domain0, entry0, target | kP | kW) == kInvalid);
  }
}

TEST_CASE("what a table may map is decided by its owner, also when domain 0 writes it") {
  World w;
  const u32 place = w.hook_table(w.free).address();
  w.run(*w.domain0);
  const auto write = [&](MachineFrame target, u32 flags) {
    return w.update_foreign(*w.domain0, w.guest->domain.id, {{place, target.address() | flags}});
  };
  CHECK(write(w.guest->page(w.free + 1), kP | kW) == 0);
  CHECK(write(w.other->page(w.free), kP) == kInvalid);
  CHECK(write(w.domain0->page(20), kP) == kInvalid);
}

TEST_CASE("a guest does not write another domain's tables, and a domain's tables belong to it") {
  World w;
  CHECK(w.write_entry(*w.guest, w.other->table().address(), 0) == kInvalid);
  CHECK(w.command(*w.guest, MmuCommand::unpin, w.other->directory()) == kInvalid);
  CHECK(w.command(*w.guest, MmuCommand::new_base_pointer, w.other->directory()) == kInvalid);
  CHECK(w.write_entry(*w.guest, w.guest->directory().address(), w.other->table().address() | kP) == kInvalid);
  w.run(*w.domain0);
  const u32 base = w.other->directory().address(), slot = w.domain0->directory().address();
  const MmuUpdate new_base = MemoryWorld::command_request(MmuCommand::new_base_pointer, base);
  CHECK(w.update_foreign(*w.domain0, w.other->domain.id, {new_base}) == kInvalid);
  CHECK(w.update_foreign(*w.domain0, w.other->domain.id, {{slot, w.other->table().address() | kP}}) == kInvalid);
}

TEST_CASE("a frame's type changes only while its type count is 0, and its contents are checked when it does") {
  World w;
  const MachineFrame table = w.hook_table(w.free);
  CHECK(w.command(*w.guest, MmuCommand::pin_l2, table) == kInvalid);  // pinned
  CHECK(w.command(*w.guest, MmuCommand::unpin, table) == 0);
  CHECK(w.command(*w.guest, MmuCommand::pin_l2, table) == kInvalid);  // still used by the directory
  CHECK(w.write_entry(*w.guest, w.guest->directory().address(), 0) == 0);
  CHECK(w.command(*w.guest, MmuCommand::pin_l2, table) == 0);
  CHECK(w.info(table).type == FrameType::l2);
}

TEST_CASE("a table with one bad entry is refused, and what its good entries referred to is given back") {
  World w;
  const u32 page = w.free;
  const MachineFrame table = w.guest->page(page), good = w.guest->page(w.free + 1);
  for (u32 i = 0; i < 1023; ++i) w.machine.ram.set_word(table.address() + i * 4, good.address() | kP | kW);
  w.machine.ram.set_word(table.address() + 1023 * 4, w.other->page(5).address() | kP);
  CHECK(w.make_table(*w.guest, page) == kInvalid);
  CHECK(w.info(good).type_count == 1);
  CHECK(w.info(table).total_count == 1);
  for (const u32 bit : {kEntryGlobal, kEntryLarge}) {
    w.machine.ram.set_word(table.address() + 1023 * 4, good.address() | kP | bit);
    CHECK(w.make_table(*w.guest, page) == kInvalid);
  }
  w.machine.ram.set_word(table.address() + 1023 * 4, 0);
  CHECK(w.make_table(*w.guest, page) == 0);
  CHECK(w.info(good).type_count == 1024);
  CHECK(w.command(*w.guest, MmuCommand::unpin, table) == 0);
  CHECK(w.info(good).type_count == 1);
}

TEST_CASE("a directory with one bad slot is refused, and the tables taken for it are released") {
  World w;
  const MachineFrame directory = w.guest->page(w.free), table = w.guest->page(w.free + 1);
  REQUIRE(w.remap(*w.guest, w.free + 1, kP) == 0);
  w.machine.ram.set_word(directory.address(), table.address() | kP | kW);
  w.machine.ram.set_word(directory.address() + 1007 * 4, w.other->page(5).address() | kP);
  CHECK(w.make_table(*w.guest, w.free, MmuCommand::pin_l2) == kInvalid);
  CHECK(w.info(table).type_count == 0);
  // Slots from 1008 up are the hypervisor's: what a guest writes there is replaced, not judged.
  w.machine.ram.set_word(directory.address() + 1007 * 4, 0);
  w.machine.ram.set_word(directory.address() + 1008 * 4, 0xffffffff);
  CHECK(w.make_table(*w.guest, w.free, MmuCommand::pin_l2) == 0);
  CHECK(w.info(table).type == FrameType::l1);
  CHECK(MachineFrame::of_address(w.machine.ram.word(directory.address() + kLinearTableSlot * 4)) == directory);
}

TEST_CASE("the hypervisor's slots of a directory cannot be written") {
  World w;
  for (u32 slot = 1008; slot < 1024; ++slot)
    CHECK(w.write_entry(*w.guest, w.guest->directory().address() + slot * 4, 0) == kInvalid);
}

TEST_CASE("a directory may map itself read-only, and no later change of flags makes that writable") {
  World w;
  const u32 slot = w.guest->directory().address() + 4, self = w.guest->directory().address();
  CHECK(w.write_entry(*w.guest, slot, self | kP | kW) == kInvalid);
  CHECK(w.write_entry(*w.guest, slot, self | kP) == 0);
  CHECK(w.info(w.guest->directory()).type_count == 2);               // no reference of its own
  CHECK(w.write_entry(*w.guest, slot, self | kP | kW) == kInvalid);  // the hole of XSA-182
  CHECK(w.write_entry(*w.guest, slot, self | kP | kEntryUser) == 0);
  // The self-map is no page table: an entry of the directory is not changed by the rules of a page table.
  CHECK(w.update_va_mapping(*w.guest, (1u << 22) + (5u << 12), w.guest->page(20).address() | kP) == kInvalid);
  CHECK(w.write_entry(*w.guest, slot, 0) == 0);
}

TEST_CASE("new references are taken before old ones are dropped, and a refused update changes nothing") {
  World w;
  const MachineFrame table = w.hook_table(w.free), page = w.guest->page(w.free + 1);
  REQUIRE(w.write_entry(*w.guest, table.address(), page.address() | kP | kW) == 0);
  CHECK(w.write_entry(*w.guest, table.address(), table.address() | kP | kW) == kInvalid);
  CHECK(w.machine.ram.word(table.address()) == (page.address() | kP | kW));
  CHECK(w.info(page).type_count == 2);
}

TEST_CASE("an update of a frame that is no table is a store, where the guest could map the frame writable") {
  World w;
  CHECK(w.write_entry(*w.guest, w.guest->page(w.free).address() + 8, 0x12345678) == 0);
  CHECK(w.machine.ram.word(w.guest->page(w.free).address() + 8) == 0x12345678);
  CHECK(w.info(w.guest->page(w.free)).type_count == 1);
  CHECK(w.write_entry(*w.guest, w.other->page(w.free).address(), 1) == kInvalid);
  CHECK(w.write_entry(*w.guest, w.memory.master_directory().address(), 1) == kInvalid);
}

TEST_CASE("one pin per frame, and only a pinned frame is unpinned") {
  World w;
  const MachineFrame table = w.hook_table(w.free);
  CHECK(w.command(*w.guest, MmuCommand::pin_l1, table) == kInvalid);
  CHECK(w.info(table).type_count == 2);
  CHECK(w.command(*w.guest, MmuCommand::unpin, table) == 0);
  CHECK(w.command(*w.guest, MmuCommand::unpin, table) == kInvalid);
}

TEST_CASE("a batch stops at the first bad request and says how many it did") {
  World w;
  const u32 page = w.guest->page(w.free).address(), m2p = static_cast<u32>(MmuRequest::update_m2p);
  u32 done = 0;
  CHECK(w.update(*w.guest, {{page | m2p, 100}, {page | m2p, 101}, {page | 1, 0}, {page | m2p, 103}}, &done) ==
        kInvalid);
  CHECK(done == 2);
  CHECK(w.memory.machine_to_phys(w.guest->page(w.free)) == 101);
  CHECK(w.update(*w.guest, {{page | m2p, 104}}, &done) == 0);
  CHECK(done == 1);
  CHECK(w.update(*w.guest, {{w.other->page(0).address() | m2p, 7}}, &done) == kInvalid);
  CHECK(done == 0);
  std::vector<MmuUpdate> many(500, {page | m2p, 200});
  many[300].pointer = 1;
  CHECK(w.update(*w.guest, many, &done) == kInvalid);
  CHECK(done == 300);
}

TEST_CASE("an unreadable list is a fault, more than 2048 requests an error, none at all a success") {
  World w;
  Caller caller{w.cpu(), w.guest->vcpu, w.guest->domain};
  CHECK(w.memory.mmu_update(caller, 0x1000, 1, 0).eax() == -14);
  CHECK(w.memory.mmu_update(caller, 0xfc000000, 1, 0).eax() == -14);
  CHECK(w.memory.mmu_update(caller, w.guest->scratch_address(), 2049, 0).eax() == kInvalid);
  CHECK(w.memory.mmu_update(caller, 0x1000, 0, 0).eax() == 0);
  CHECK(w.memory.mmu_update(caller, 0x1000, 0, 0x1000).eax() == -14);
}

TEST_CASE("a guest reads the machine-to-physical table and cannot change it") {
  World w;
  const u32 frame = w.guest->page(w.free).number();
  const u32 machine = w.cpu().translate(kMachineToPhysStart + frame * 4);
  REQUIRE(machine != 0);
  CHECK(w.machine.ram.word(machine) == w.free);
  CHECK_FALSE(w.cpu().copy_to_guest(kMachineToPhysStart + frame * 4, &frame, 4));
}

TEST_CASE("a frame held by a released table is free again when the last reference goes") {
  World w;
  const MachineFrame table = w.hook_table(w.free), page = w.guest->page(w.free + 1);
  REQUIRE(w.write_entry(*w.guest, table.address(), page.address() | kP | kW) == 0);
  REQUIRE(w.remap(*w.guest, w.free + 1, 0) == 0);
  REQUIRE(w.command(*w.guest, MmuCommand::unpin, table) == 0);
  std::vector<u32> given{page.number()};
  CHECK(w.balloon(*w.guest, DomMemOp::decrease, given) == kInvalid);
  REQUIRE(w.write_entry(*w.guest, w.guest->directory().address(), 0) == 0);  // drops the table, and with it the page
  CHECK(w.info(table).type_count == 0);
  CHECK(w.balloon(*w.guest, DomMemOp::decrease, given) == 1);
}

TEST_CASE("the core marks the work of each request, each command and each entry looked at") {
  World w;
  w.cpu().work_done = {};
  REQUIRE(w.make_table(*w.guest, w.free) == 0);
  CHECK(w.cpu().times(hw::Step::page_table_update) == 1);
  CHECK(w.cpu().times(hw::Step::mmu_extended) == 1);
  CHECK(w.cpu().times(hw::Step::page_table_validate) == 1024);
  CHECK(w.cpu().times(hw::Step::mmu_request) == 2);
  CHECK(w.cpu().times(hw::Step::mmu_call) == 1);
}
