// Flushes, the balloon, descriptor tables, and the end of a domain.
#include <doctest/doctest.h>

#include "memory/descriptor.h"
#include "support/memory_checker.h"
#include "support/memory_world.h"

using namespace test;

namespace {

constexpr s32 kInvalid = -22, kNoMemory = -12, kFault = -14;
constexpr u32 kData = 0x00cff200;  // high word of a flat ring-3 data segment up to the hypervisor
constexpr u32 kDataLow = 0x0000c3ff;

struct World : MemoryWorld {
  explicit World(u32 cpus = 1) : MemoryWorld{2048, cpus} {
    domain0 = &add_guest(64);
    guest = &add_guest(64);
    run(*guest);
    free = guest->first_free();
    cpu().base_loads = 0;
  }
  ~World() { CHECK(MemoryChecker{*this}.check() == ""); }

  u32 address_of(u32 page) const { return kGuestKernelStart + (page << kPageShift); }
  void store(u32 page, u32 index, u32 value) { machine.ram.set_word(guest->page(page).address() + index * 4, value); }
  u32 load(u32 page, u32 index) { return machine.ram.word(guest->page(page).address() + index * 4); }
  // Read-only page of the guest, so that it may become a descriptor table.
  MachineFrame descriptor_page(u32 page) {
    REQUIRE(remap(*guest, page, kP) == 0);
    cpu().base_loads = 0;
    return guest->page(page);
  }

  Guest *domain0, *guest;
  u32 free;
};

}  // namespace

TEST_CASE("changes of entries do not flush; the guest asks, once per batch however often it asks") {
  World w;
  CHECK(w.remap(*w.guest, w.free, kP) == 0);
  CHECK(w.remap(*w.guest, w.free, kP | kW) == 0);
  CHECK(w.cpu().base_loads == 0);
  const MmuUpdate flush = MemoryWorld::command_request(MmuCommand::flush_tlb, 0);
  CHECK(w.update(*w.guest, {flush, flush, flush}) == 0);
  CHECK(w.cpu().base_loads == 1);
  CHECK(w.command(*w.guest, MmuCommand::invalidate_page, w.guest->page(0)) == 0);
  CHECK(w.cpu().invalidated.size() == 1);
  CHECK(w.cpu().base_loads == 1);
}

TEST_CASE("a page that was mapped writable and becomes a table is flushed once, at the end of the batch") {
  World w;
  const u32 clock = w.memory.tlb().last_flush(0);
  CHECK(w.make_table(*w.guest, w.free) == 0);
  CHECK(w.cpu().base_loads == 1);
  CHECK(w.memory.tlb().last_flush(0) > clock);
}

TEST_CASE("retyping does not flush again if the CPU has flushed since the last writable mapping went") {
  World w;
  CHECK(w.remap(*w.guest, w.free, kP) == 0);
  CHECK(w.command(*w.guest, MmuCommand::flush_tlb, w.guest->page(0)) == 0);
  CHECK(w.cpu().base_loads == 1);
  CHECK(w.command(*w.guest, MmuCommand::pin_l1, w.guest->page(w.free)) == 0);
  CHECK(w.cpu().base_loads == 1);
}

TEST_CASE("a flush is also done when a later request of the batch fails") {
  World w;
  CHECK(w.update(*w.guest, {MemoryWorld::command_request(MmuCommand::flush_tlb, 0), {1, 0}}) == kInvalid);
  CHECK(w.cpu().base_loads == 1);
}

TEST_CASE("a new page-table base is loaded at once and makes a flush of the same batch unnecessary") {
  World w;
  const MachineFrame directory = w.guest->page(w.free);
  for (u32 slot = 768; slot < 784; ++slot)
    w.store(w.free, slot, w.machine.ram.word(w.guest->directory().address() + slot * 4));
  CHECK(w.update(*w.guest, {{w.guest->entry_of(w.free), directory.address() | kP},
                            MemoryWorld::command_request(MmuCommand::flush_tlb, 0),
                            MemoryWorld::command_request(MmuCommand::pin_l2, directory.address()),
                            MemoryWorld::command_request(MmuCommand::new_base_pointer, directory.address())}) == 0);
  CHECK(w.cpu().base_loads == 1);
  CHECK(w.cpu().directory == directory);
  CHECK(w.guest->vcpu.directory == directory);
  CHECK(w.info(directory).type_count == 2);
  CHECK(w.info(w.guest->directory()).type_count == 1);  // its pin
  // The per-domain slot names the domain's own descriptor tables.
  CHECK(MachineFrame::of_address(w.machine.ram.word(directory.address() + kPerDomainSlot * 4)) ==
        w.guest->domain.memory.descriptor_table);
}

TEST_CASE("a retyping by one CPU makes the flush of another due that runs the same domain") {
  World w{2};
  w.run(*w.guest, 1);
  CHECK(w.make_table(*w.guest, w.free) == 0);
  CHECK(w.memory.flushes_due_elsewhere(0) == 2);
  w.memory.settle_flush(w.cpu(1));
  CHECK(w.memory.flushes_due_elsewhere(0) == 0);
  CHECK(w.cpu(1).base_loads == 2);
  // A CPU that runs something else is left alone.
  Vcpu idle;
  idle.is_idle = true;
  w.memory.load_address_space(w.cpu(1), idle);
  CHECK(w.cpu(1).directory == w.memory.master_directory());
  CHECK(w.make_table(*w.guest, w.free + 1) == 0);
  CHECK(w.memory.flushes_due_elsewhere(0) == 0);
}

TEST_CASE("update_va_mapping changes the entry that maps an address, and flushes or invalidates as asked") {
  World w;
  const u32 page = w.guest->page(w.free).address(), address = w.address_of(w.free);
  CHECK(w.update_va_mapping(*w.guest, address, page | kP) == 0);
  CHECK(w.machine.ram.word(w.guest->entry_of(w.free)) == (page | kP));
  CHECK(w.cpu().base_loads + w.cpu().invalidated.size() == 0);
  CHECK(w.update_va_mapping(*w.guest, address, page | kP | kW, kVaInvalidate) == 0);
  CHECK(w.cpu().invalidated == std::vector<u32>{address});
  CHECK(w.update_va_mapping(*w.guest, address, page | kP, kVaFlushTlb | kVaInvalidate) == 0);
  CHECK(w.cpu().base_loads == 1);
  CHECK(w.cpu().invalidated.size() == 1);  // the flush includes it
  CHECK(w.update_va_mapping(*w.guest, address, w.guest->table().address() | kP | kW, kVaFlushTlb) == kInvalid);
  CHECK(w.cpu().base_loads == 2);                                       // the flags count although the update failed
  CHECK(w.update_va_mapping(*w.guest, 0x1000, page | kP) == kInvalid);  // no page table there
  CHECK(w.update_va_mapping(*w.guest, 0xfc000000, page | kP) == kInvalid);  // the hypervisor's
  CHECK(w.update_va_mapping(*w.guest, 0xffffffff, page | kP) == kInvalid);
}

TEST_CASE("balloon: only an unused frame of one's own goes, and the reservation says how many come back") {
  World w;
  std::vector<u32> one{w.guest->page(w.free).number()};
  CHECK(w.balloon(*w.guest, DomMemOp::decrease, one) == kInvalid);   // still mapped
  CHECK(w.balloon(*w.guest, DomMemOp::increase, one) == kNoMemory);  // has all of its reservation
  REQUIRE(w.remap(*w.guest, w.free, 0) == 0);
  REQUIRE(w.remap(*w.guest, w.free + 1, 0) == 0);
  std::vector<u32> three{w.guest->page(w.free).number(), w.guest->page(w.free + 1).number(),
                         w.domain0->page(20).number()};
  w.cpu().base_loads = 0;
  CHECK(w.balloon(*w.guest, DomMemOp::decrease, three) == 2);  // the foreign frame stops it
  CHECK(w.guest->domain.memory.frame_count() == 62);
  CHECK(w.cpu().base_loads == 1);  // before somebody else gets what the TLB may still map
  std::vector<u32> shared{w.guest->domain.shared_info.number()};
  CHECK(w.balloon(*w.guest, DomMemOp::decrease, shared) == kInvalid);
  const u32 free_frames = w.memory.frames().free_count();
  std::vector<u32> two(2);
  CHECK(w.balloon(*w.guest, DomMemOp::increase, two) == 2);
  CHECK(w.memory.frames().free_count() == free_frames - 2);
  CHECK(w.info(MachineFrame{two[0]}).owner == w.guest->domain.id);
  CHECK(w.write_entry(*w.guest, w.guest->entry_of(w.free), two[0] << 12 | kP | kW) == 0);
}

TEST_CASE("balloon: an unreadable list is a fault and changes nothing") {
  World w;
  Caller caller{w.cpu(), w.guest->vcpu, w.guest->domain};
  REQUIRE(w.remap(*w.guest, w.free, 0) == 0);
  std::vector<u32> one{w.guest->page(w.free).number()};
  REQUIRE(w.balloon(*w.guest, DomMemOp::decrease, one) == 1);
  CHECK(w.memory.dom_mem_op(caller, 0, 0x1000, 1).eax() == kFault);
  CHECK(w.memory.dom_mem_op(caller, 1, 0x1000, 1).eax() == kFault);
  CHECK(w.memory.dom_mem_op(caller, 2, 0x1000, 1).eax() == -38);
  CHECK(w.guest->domain.memory.frame_count() == 63);
}

TEST_CASE("reservations leave 2 MB free for the core") {
  World w;
  Domain late;
  late.id = 9;
  CHECK(w.memory.allocate_frames(late, w.memory.frames().free_count() - kFreeSlack + 1).eax() == kNoMemory);
  CHECK(late.memory.frame_count() == 0);
}

TEST_CASE("a descriptor is refused if it reaches the hypervisor, names ring 0 or is a system segment") {
  CHECK(descriptor_is_safe(0, 0));
  CHECK(descriptor_is_safe(0xffff, 0x00cf1200));            // not present
  CHECK(descriptor_is_safe(kDataLow, kData));               // to 0xfc400000
  CHECK_FALSE(descriptor_is_safe(0x0000c400, kData));       // one page more
  CHECK_FALSE(descriptor_is_safe(kDataLow, 0x00cf9200));    // ring 0
  CHECK_FALSE(descriptor_is_safe(kDataLow, 0x01cff200));    // base 16 MB: ends beyond
  CHECK_FALSE(descriptor_is_safe(0x0000ffff, 0xff40f2ff));  // wraps
  CHECK_FALSE(descriptor_is_safe(0x00000000, 0x00c0f600));  // expand-down: everything above the limit
  CHECK_FALSE(descriptor_is_safe(0x00000067, 0x00008900));  // TSS
  CHECK_FALSE(descriptor_is_safe(0x08080000, 0x0000ec00));  // call gate into ring 0
  CHECK(descriptor_is_safe(0x08190000, 0x0000ec00));        // call gate into the flat ring-1 segment
  CHECK_FALSE(descriptor_is_safe(0x08190000, 0x0000ec20));  // reserved bits
  CHECK_FALSE(descriptor_is_safe(0x00000000, 0x0000ee00));  // interrupt gate
}

TEST_CASE("set_gdt checks every page, installs the reserved entries and gives the old pages back") {
  World w;
  const MachineFrame first = w.descriptor_page(w.free), second = w.descriptor_page(w.free + 1);
  w.store(w.free + 1, 2, kDataLow);
  w.store(w.free + 1, 3, kData);
  CHECK(w.set_gdt(*w.guest, {first.number()}, 295) == kInvalid);
  CHECK(w.set_gdt(*w.guest, {first.number()}, 8193) == kInvalid);
  CHECK(w.set_gdt(*w.guest, {w.guest->page(w.free + 2).number()}, 512) == kInvalid);  // mapped writable
  CHECK(w.set_gdt(*w.guest, {w.domain0->page(20).number()}, 512) == kInvalid);
  CHECK(w.set_gdt(*w.guest, {first.number(), second.number()}, 600) == 0);
  CHECK(w.info(first).type == FrameType::gdt);
  CHECK(w.cpu().gdt_frames == std::vector<MachineFrame>{first, second});
  CHECK(w.cpu().gdt_entries == 600);
  CHECK(w.load(w.free, 2 * 259) == 0x0000c3ff);
  CHECK(w.load(w.free, 2 * 259 + 1) == 0x00cfba00);
  CHECK(w.cpu().base_loads == 1);
  CHECK(w.remap(*w.guest, w.free, kP | kW) == kInvalid);

  // A bad descriptor in the second page: nothing changes.
  const MachineFrame bad = w.descriptor_page(w.free + 3);
  w.store(w.free + 3, 1023, 0x00cf9200);
  CHECK(w.set_gdt(*w.guest, {second.number(), bad.number()}, 600) == kInvalid);
  CHECK(w.guest->vcpu.gdt_frames[0] == first);
  CHECK(w.info(bad).type_count == 0);

  w.store(w.free + 3, 1023, 0);
  CHECK(w.set_gdt(*w.guest, {bad.number()}, 512) == 0);
  CHECK(w.info(first).type_count == 0);
  // What was a GDT can be a page, and a GDT again.
  CHECK(w.remap(*w.guest, w.free, kP | kW) == 0);
  CHECK(w.remap(*w.guest, w.free, kP) == 0);
  CHECK(w.set_gdt(*w.guest, {first.number()}, 512) == 0);
}

TEST_CASE("a page that was the first of a GDT keeps no reserved descriptor as its second") {
  World w;
  const MachineFrame first = w.descriptor_page(w.free), second = w.descriptor_page(w.free + 1);
  REQUIRE(w.set_gdt(*w.guest, {first.number()}, 512) == 0);
  REQUIRE(w.set_gdt(*w.guest, {second.number(), first.number()}, 600) == 0);
  CHECK(w.load(w.free, 2 * 257 + 1) == 0);
  CHECK(w.load(w.free + 1, 2 * 257 + 1) == 0x00cf9a00);
  // Once more with the page that it has already, and then with neither: both can be GDTs again.
  REQUIRE(w.set_gdt(*w.guest, {second.number()}, 512) == 0);
  CHECK(w.load(w.free + 1, 2 * 257 + 1) == 0x00cf9a00);
  REQUIRE(w.set_gdt(*w.guest, {first.number()}, 512) == 0);
  CHECK(w.load(w.free + 1, 2 * 257 + 1) == 0);
  CHECK(w.set_gdt(*w.guest, {second.number()}, 512) == 0);
}

TEST_CASE("update_descriptor changes safe descriptors only, and no reserved one of a GDT in use") {
  World w;
  Caller caller{w.cpu(), w.guest->vcpu, w.guest->domain};
  const MachineFrame gdt = w.descriptor_page(w.free);
  REQUIRE(w.set_gdt(*w.guest, {gdt.number()}, 512) == 0);
  const auto update = [&](u32 address, u32 low, u32 high) {
    return w.memory.update_descriptor(caller, address, low, high).eax();
  };
  CHECK(update(gdt.address() + 8 * 10, kDataLow, kData) == 0);
  CHECK(w.load(w.free, 21) == kData);
  CHECK(update(gdt.address() + 8 * 10, kDataLow, 0x00cf9200) == kInvalid);
  CHECK(update(gdt.address() + 4, 0, 0) == kInvalid);
  CHECK(update(gdt.address() + 8 * 256, 0, 0) == kInvalid);
  CHECK(update(gdt.address() + 8 * 295, 0, 0) == kInvalid);
  CHECK(update(gdt.address() + 8 * 296, 0, 0) == 0);
  CHECK(update(w.guest->page(w.free + 1).address(), kDataLow, kData) == 0);  // an ordinary page
  CHECK(update(w.guest->table().address(), 0, 0) == kInvalid);
  CHECK(update(w.domain0->page(20).address(), 0, 0) == kInvalid);
  CHECK(update(w.machine.ram.frame_count() << 12, 0, 0) == kInvalid);
}

TEST_CASE("the LDT is mapped page by page when it is used, and dropped when the guest unmaps the page") {
  World w;
  Caller caller{w.cpu(), w.guest->vcpu, w.guest->domain};
  const MachineFrame first = w.descriptor_page(w.free), second = w.descriptor_page(w.free + 1);
  const u32 base = w.address_of(w.free);
  const auto set_ldt = [&](u32 address, u32 entries) {
    return w.update(*w.guest, {MemoryWorld::command_request(MmuCommand::set_ldt, address, entries)});
  };
  CHECK(set_ldt(base + 8, 1) == kInvalid);
  CHECK(set_ldt(base, 8193) == kInvalid);
  CHECK(set_ldt(0xfc3ff000, 513) == kInvalid);
  CHECK(set_ldt(base, 1000) == 0);
  CHECK(w.cpu().ldt_entries == 1000);
  CHECK(w.cpu().ldt_base == 0xff410000);
  CHECK(w.info(first).type == FrameType::ldt);  // the first page at once
  CHECK(w.info(second).type_count == 0);
  CHECK(w.memory.map_ldt_page(caller, 0xff411000));
  CHECK(w.info(second).type == FrameType::ldt);
  CHECK(w.cpu().translate(0xff411008) == second.address() + 8);
  CHECK_FALSE(w.memory.map_ldt_page(caller, 0xff411f40));  // beyond 1000 entries
  CHECK_FALSE(w.memory.map_ldt_page(caller, 0xff40f000));  // the GDT's place
  CHECK(w.remap(*w.guest, w.free + 1, kP | kW) == kInvalid);

  w.cpu().base_loads = 0;
  CHECK(w.remap(*w.guest, w.free + 1, 0) == 0);  // drops the shadow; the first page comes back with the call
  CHECK(w.cpu().base_loads == 1);
  CHECK(w.info(second).type_count == 0);
  CHECK(w.info(first).type_count == 1);
  CHECK_FALSE(w.memory.map_ldt_page(caller, 0xff411000));  // not mapped by the guest
  w.cpu().base_loads = 0;
  CHECK(w.command(*w.guest, MmuCommand::new_base_pointer, w.guest->directory()) == 0);
  CHECK(w.cpu().base_loads == 1);        // the load is also the flush that dropping the shadow needs
  CHECK(w.info(first).type_count == 1);  // and the first page is mapped again
  CHECK(set_ldt(0, 0) == 0);
  CHECK(w.info(first).type_count == 0);
}

TEST_CASE("an LDT page with an unsafe descriptor is the guest's fault") {
  World w;
  Caller caller{w.cpu(), w.guest->vcpu, w.guest->domain};
  (void)w.descriptor_page(w.free);
  w.store(w.free, 1, 0x00cf9200);
  CHECK(w.update(*w.guest, {MemoryWorld::command_request(MmuCommand::set_ldt, w.address_of(w.free), 8)}) == 0);
  CHECK_FALSE(w.memory.map_ldt_page(caller, 0xff410000));
  CHECK(w.info(w.guest->page(w.free)).type_count == 0);
}

TEST_CASE("a domain's end gives every frame back; what domain 0 or a device holds follows when they let go") {
  World w;
  PageExchange exchange{w.memory};
  const u32 before = w.memory.frames().free_count() + 64 + 1 + 1;  // with shared info and the descriptor table's table
  const MachineFrame payload = w.guest->page(w.free), mapped = w.guest->page(w.free + 1);
  REQUIRE(w.make_table(*w.guest, w.free + 2) == 0);
  REQUIRE(w.set_gdt(*w.guest, {w.descriptor_page(w.free + 3).number()}, 512) == 0);
  REQUIRE(exchange.hold_payload(w.guest->domain, payload));
  w.run(*w.domain0);
  const u32 entry0 = w.domain0->entry_of(20);
  REQUIRE(w.update_foreign(*w.domain0, w.guest->domain.id, {{entry0, mapped.address() | kP | kW}}) == 0);

  w.memory.release_all(w.cpu(), w.guest->domain);
  CHECK(w.memory.frames().free_count() == before - 2);
  CHECK(w.memory.frames().orphans().count == 2);
  exchange.release_payload(payload);
  CHECK(w.memory.frames().orphans().count == 1);
  CHECK(w.write_entry(*w.domain0, entry0, 0) == 0);
  CHECK(w.memory.frames().orphans().count == 0);
  CHECK(w.memory.frames().free_count() == before);
}
