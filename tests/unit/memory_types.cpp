// Types that stay, and what each type lets happen to a frame: the rules that no single hypercall shows.
#include <doctest/doctest.h>

#include "memory/descriptor.h"
#include "support/memory_checker.h"
#include "support/memory_world.h"

using namespace test;

namespace {

constexpr s32 kInvalid = -22, kFault = -14;

struct World : MemoryWorld {
  World() : MemoryWorld{2048} {
    add_guest(64);
    guest = &add_guest(64);
    free = guest->first_free();
    cpu().work_done = {};
  }
  ~World() { CHECK(MemoryChecker{*this}.check() == ""); }

  // A page that nothing maps writable.
  MachineFrame read_only_page(u32 page) {
    REQUIRE(remap(*guest, page, kP) == 0);
    return guest->page(page);
  }
  u64 validated() { return cpu().times(hw::Step::page_table_validate); }
  s32 set_ldt(u32 address, u32 entries) {
    return update(*guest, {command_request(MmuCommand::set_ldt, address, entries)});
  }
  u32 address_of(u32 page) const { return kGuestKernelStart + page * kPageSize; }

  Guest* guest;
  u32 free;
};

}  // namespace

TEST_CASE("a descriptor page keeps its type when its last use goes, and is not looked at again when it is used again") {
  World w;
  const MachineFrame page = w.read_only_page(w.free), other = w.read_only_page(w.free + 1);
  REQUIRE(w.set_gdt(*w.guest, {page.number()}, 512) == 0);
  CHECK(w.validated() == 512);
  REQUIRE(w.set_gdt(*w.guest, {other.number()}, 512) == 0);
  CHECK(w.validated() == 1024);
  CHECK(w.info(page).type == FrameType::gdt);
  CHECK(w.info(page).type_count == 0);
  REQUIRE(w.set_gdt(*w.guest, {page.number()}, 512) == 0);
  CHECK(w.validated() == 1024);
  // As a page it may have been written, so then it is.
  REQUIRE(w.remap(*w.guest, w.free + 1, kP | kW) == 0);
  REQUIRE(w.remap(*w.guest, w.free + 1, kP) == 0);
  REQUIRE(w.set_gdt(*w.guest, {other.number()}, 512) == 0);
  CHECK(w.validated() == 1536);
}

TEST_CASE("a table is looked at again whenever its count leaves 0, because its entries were given back there") {
  World w;
  REQUIRE(w.make_table(*w.guest, w.free) == 0);
  const u64 once = w.validated();
  REQUIRE(w.command(*w.guest, MmuCommand::unpin, w.guest->page(w.free)) == 0);
  CHECK(w.machine.cpu(0).times(hw::Step::page_table_release) == 1024);
  REQUIRE(w.command(*w.guest, MmuCommand::pin_l1, w.guest->page(w.free)) == 0);
  CHECK(w.validated() == once + 1024);
}

TEST_CASE("a request does not store into a descriptor page in use, and a frame has one use at a time") {
  World w;
  const MachineFrame gdt = w.read_only_page(w.free), ldt = w.read_only_page(w.free + 1);
  REQUIRE(w.set_gdt(*w.guest, {gdt.number()}, 512) == 0);
  REQUIRE(w.set_ldt(w.address_of(w.free + 1), 8) == 0);
  CHECK(w.info(ldt).type == FrameType::ldt);
  CHECK(w.write_entry(*w.guest, gdt.address() + 8, 0x0000ffff) == kInvalid);
  CHECK(w.write_entry(*w.guest, ldt.address() + 8, 0x0000ffff) == kInvalid);
  CHECK(w.set_gdt(*w.guest, {ldt.number()}, 512) == kInvalid);
  CHECK(w.command(*w.guest, MmuCommand::pin_l1, gdt) == kInvalid);
  CHECK(w.machine.ram.word(gdt.address() + 8) == 0);
}

TEST_CASE("a frame that was a table is given back like any other, once nothing refers to it") {
  World w;
  const MachineFrame page = w.guest->page(w.free);
  REQUIRE(w.make_table(*w.guest, w.free) == 0);
  std::vector<u32> number{page.number()};
  CHECK(w.balloon(*w.guest, DomMemOp::decrease, number) == kInvalid);  // pinned
  REQUIRE(w.command(*w.guest, MmuCommand::unpin, page) == 0);
  CHECK(w.balloon(*w.guest, DomMemOp::decrease, number) == kInvalid);  // still mapped
  REQUIRE(w.remap(*w.guest, w.free, 0) == 0);
  CHECK(w.info(page).type == FrameType::l1);
  CHECK(w.balloon(*w.guest, DomMemOp::decrease, number) == 1);
  CHECK(w.info(page).type == FrameType::none);
}

TEST_CASE("a frame that a domain gets holds zeros, whatever its last owner left") {
  World w;
  REQUIRE(w.remap(*w.guest, w.free, 0) == 0);
  std::vector<u32> number{w.guest->page(w.free).number()};
  REQUIRE(w.balloon(*w.guest, DomMemOp::decrease, number) == 1);
  const MachineFrame next = w.memory.frames().first(w.memory.frames().free_list());
  w.machine.ram.set_word(next.address() + 12, 0x74786574);
  REQUIRE(w.balloon(*w.guest, DomMemOp::increase, number) == 1);
  CHECK(number[0] == next.number());
  CHECK(w.machine.ram.word(next.address() + 12) == 0);
}

TEST_CASE("the LDT: the same base and size again are no change; none at all is the null LDT") {
  World w;
  const MachineFrame page = w.read_only_page(w.free);
  REQUIRE(w.set_ldt(w.address_of(w.free), 8) == 0);
  CHECK(w.info(page).type_count == 1);
  w.cpu().log.clear();
  CHECK(w.set_ldt(w.address_of(w.free), 8) == 0);
  CHECK(w.cpu().log.empty());
  CHECK(w.set_ldt(0, 0) == 0);
  CHECK(w.cpu().ldt_entries == 0);
  CHECK(w.info(page).type_count == 0);
  Caller caller{w.cpu(), w.guest->vcpu, w.guest->domain};
  CHECK_FALSE(w.memory.map_ldt_page(caller, 0xff410000));
}

TEST_CASE("set_gdt with an unreadable list is a fault and keeps the old table") {
  World w;
  const MachineFrame page = w.read_only_page(w.free);
  REQUIRE(w.set_gdt(*w.guest, {page.number()}, 512) == 0);
  Caller caller{w.cpu(), w.guest->vcpu, w.guest->domain};
  CHECK(w.memory.set_gdt(caller, 0x1000, 512).eax() == kFault);
  CHECK(w.memory.set_gdt(caller, 0xfc000000, 512).eax() == kFault);
  CHECK(w.guest->vcpu.gdt_frames[0] == page);
}

TEST_CASE("an invalidation is done at once, for the address that the request names") {
  World w;
  w.cpu().invalidated.clear();
  u32 done = 0;
  CHECK(w.update(*w.guest, {MemoryWorld::command_request(MmuCommand::invalidate_page, 0xc0005abc), {0xfffffff0, 1}},
                 &done) == kInvalid);
  CHECK(done == 1);
  CHECK(w.cpu().invalidated == std::vector<u32>{0xc0005abc});
}

TEST_CASE("no address reaches a page table through a directory's entry for itself") {
  World w;
  const u32 directory = w.guest->directory().address();
  REQUIRE(w.write_entry(*w.guest, directory + 4 * 5, directory | kP) == 0);
  CHECK(w.update_va_mapping(*w.guest, 5u << 22 | 768u << 12, w.guest->page(w.free).address() | kP | kW) == kInvalid);
  CHECK((w.machine.ram.word(directory + 4 * 768) & kEntryFrameMask) == w.guest->table().address());
}
