#include <doctest/doctest.h>

#include "support/guest_host.h"
#include "workloads/ports/page_entry.h"
#include "workloads/ports/vmware/shadow_tables.h"

namespace {

using guest::GuestFrame;
using guest::ShadowTables;
using guest::u32;
using Fault = ShadowTables::Fault;

constexpr u32 kUserPage = hv::kEntryPresent | hv::kEntryUser | hv::kEntryWritable;
constexpr u32 kLargeKernelPage = hv::kEntryPresent | hv::kEntryWritable | hv::kEntryLarge;
constexpr model::Access kRead{.user = true}, kWrite{.write = true, .user = true};
constexpr model::Access kKernelRead{}, kKernelWrite{.write = true};
constexpr u32 kAddress = 0x08048000;

// Hides nothing, so that a fault of the CPU is seen.
class NoMonitor final : public model::Supervisor {
 public:
  void hypercall(model::Cpu&, hw::Registers&) override {}
  void exception(model::Cpu&, hw::Registers&, std::uint32_t) override {}
  void interrupt(model::Cpu&, hw::Registers&, std::uint32_t) override {}
  model::Account account() const override { return model::Account::hypervisor; }
};

// A guest with page tables written by hand: tables of directory d are in the frames after it.
struct Guest {
  static constexpr u32 kFirst = 1'000, kFrames = 8'192;

  explicit Guest(u32 shadow_pages = 64, bool share_large = true)
      : shadow{machine, memory, hv::MachineFrame{500}, shadow_pages, share_large} {
    machine.physical_cpu(0).registers().cs = hw::kRing1Cs;
    machine.set_running(&machine.physical_cpu(0));
    machine.set_supervisor(monitor);
  }
  ~Guest() { machine.set_running(nullptr); }

  // A directory that maps `page` at kAddress and the first 4 MB for the kernel at 3 GB.
  GuestFrame directory(u32 number, u32 page, u32 bits = kUserPage) {
    memory.store(GuestFrame{number}, guest::slot_of(kAddress), (number + 1) << 12 | guest::kTableEntry);
    memory.store(GuestFrame{number + 1}, guest::index_in_table(kAddress), page << 12 | bits);
    memory.store(GuestFrame{number}, guest::kFirstKernelSlot, kLargeKernelPage);
    return GuestFrame{number};
  }
  u32 entry(u32 number) { return memory.load(GuestFrame{number + 1}, guest::index_in_table(kAddress)); }
  // What the MMU makes of an access now.
  model::Walk access(u32 address, model::Access access) {
    return model::walk(machine.physical_memory(), machine.running().page_table_base(), address, access);
  }

  NoMonitor monitor;
  sim::EventQueue queue;
  sim::Fingerprint fingerprint;
  model::Machine machine{test::dell2650(), 1, model::CoalescingProfile::linux24_napi, queue, fingerprint};
  guest::GuestMemory memory{machine, hv::MachineFrame{kFirst}, kFrames};
  ShadowTables shadow;
};

}  // namespace

TEST_CASE(
    "a shadow entry appears with the first access, maps the guest's frame where it is in the machine, and is clean") {
  Guest guest;
  guest.shadow.load(guest.directory(100, 300));
  CHECK(!guest.access(kAddress, kRead).translated);
  CHECK(guest.shadow.resolve(kAddress, kRead) == Fault::filled);
  const model::Walk walk = guest.access(kAddress, kRead);
  REQUIRE(walk.translated);
  CHECK(walk.frame == hv::MachineFrame{Guest::kFirst + 300});
  CHECK(!guest.access(kAddress, kWrite).translated);  // the guest's dirty bit is not set
  CHECK((guest.entry(100) & (hv::kEntryAccessed | hv::kEntryDirty)) == hv::kEntryAccessed);

  CHECK(guest.shadow.resolve(kAddress, kWrite) == Fault::filled);
  CHECK(guest.access(kAddress, kWrite).translated);
  CHECK((guest.entry(100) & hv::kEntryDirty) != 0);
  CHECK(!guest.shadow.audit());
}

TEST_CASE("what the guest's tables do not allow is the guest's fault") {
  Guest guest;
  guest.shadow.load(guest.directory(100, 300, hv::kEntryPresent | hv::kEntryUser));
  CHECK(guest.shadow.resolve(kAddress, kWrite) == Fault::guest);
  CHECK(guest.shadow.resolve(kAddress + hv::kPageSize, kRead) == Fault::guest);
  CHECK(guest.shadow.resolve(0x40000000, kRead) == Fault::guest);
  CHECK(guest.shadow.resolve(guest::kKernelStart, kRead) == Fault::guest);
  CHECK(guest.shadow.resolve(guest::kKernelStart, kKernelRead) == Fault::filled);
}

TEST_CASE("pages inside a large one of the guest's are shadowed one by one, neither large nor global") {
  Guest guest;
  guest.shadow.load(guest.directory(100, 300));
  const u32 address = guest::kKernelStart + 5 * hv::kPageSize;
  CHECK(guest.shadow.resolve(address, kKernelWrite) == Fault::filled);
  const model::Walk walk = guest.access(address, kKernelWrite);
  REQUIRE(walk.translated);
  CHECK(walk.frame == hv::MachineFrame{Guest::kFirst + 5});
  CHECK(!walk.large);
  CHECK(!walk.global);
  CHECK(!guest.access(address + hv::kPageSize, kKernelRead).translated);
}

TEST_CASE("directories with the same entry for a large page share its shadow, until the entry of one is changed") {
  constexpr u32 kUsed = hv::kEntryAccessed | hv::kEntryDirty;
  const u32 address = guest::kKernelStart + 5 * hv::kPageSize;
  for (const bool share : {true, false}) {
    Guest guest{64, share};
    for (const u32 number : {100u, 110u, 120u}) {
      guest.directory(number, 200 + number);
      const u32 bits = number == 120 ? kLargeKernelPage : kLargeKernelPage | kUsed;  // the last is not dirty yet
      guest.memory.store(GuestFrame{number}, guest::kFirstKernelSlot, bits);
    }
    guest.shadow.load(GuestFrame{100});
    guest.shadow.resolve(address, kKernelWrite);
    guest.shadow.load(GuestFrame{110});
    guest.shadow.resolve(address + hv::kPageSize, kKernelWrite);
    CHECK(guest.access(address, kKernelWrite).translated == share);
    guest.shadow.load(GuestFrame{120});
    guest.shadow.resolve(address + 2 * hv::kPageSize, kKernelRead);
    CHECK(!guest.access(address, kKernelRead).translated);
    guest.shadow.load(GuestFrame{100});
    CHECK(guest.access(address + hv::kPageSize, kKernelWrite).translated == share);
    CHECK(!guest.access(address + 2 * hv::kPageSize, kKernelRead).translated);
    CHECK(!guest.shadow.audit());

    // What is written through the shared table is traced for all of them.
    const u32 table_place = GuestFrame{111}.kernel_address();
    guest.shadow.resolve(table_place, kKernelWrite);
    CHECK(guest.machine.running().touch(table_place, 1, model::Use::write));
    guest.shadow.load(GuestFrame{110});
    guest.shadow.resolve(kAddress, kRead);
    CHECK(!guest.access(table_place, kKernelWrite).translated);
    guest.shadow.load(GuestFrame{100});
    CHECK(!guest.machine.running().touch(table_place, 1, model::Use::write));

    guest.shadow.emulate_store(GuestFrame{100}, guest::kFirstKernelSlot, 0);
    CHECK(!guest.access(address, kKernelRead).translated);
    guest.shadow.load(GuestFrame{110});
    CHECK(guest.access(address + hv::kPageSize, kKernelWrite).translated);
    CHECK(!guest.shadow.audit());
  }
}

TEST_CASE("a table is traced from its first use, and may not be written even where it could be before") {
  Guest guest;
  guest.shadow.load(guest.directory(100, 300));
  const u32 own_place = GuestFrame{101}.kernel_address();
  CHECK(guest.shadow.traced(GuestFrame{100}));
  CHECK(!guest.shadow.traced(GuestFrame{101}));
  CHECK(guest.shadow.resolve(own_place, kKernelWrite) == Fault::filled);
  CHECK(guest.machine.running().touch(own_place, 1, model::Use::write));  // and is in the TLB
  CHECK(guest.shadow.resolve(kAddress, kRead) == Fault::filled);
  CHECK(guest.shadow.traced(GuestFrame{101}));
  CHECK(!guest.machine.running().touch(own_place, 1, model::Use::write));
  CHECK(guest.access(own_place, kKernelRead).translated);
  CHECK(!guest.shadow.audit());
}

TEST_CASE("an emulated store reaches the guest's table, and the shadow forgets what it was made from") {
  Guest guest;
  guest.shadow.load(guest.directory(100, 300));
  guest.shadow.resolve(kAddress, kWrite);
  const u32 index = guest::index_in_table(kAddress);
  guest.shadow.emulate_store(GuestFrame{101}, index, guest.entry(100));  // the same again
  CHECK(guest.access(kAddress, kWrite).translated);
  guest.shadow.emulate_store(GuestFrame{101}, index, 301 << 12 | kUserPage);
  CHECK(guest.entry(100) == (301 << 12 | kUserPage));
  CHECK(!guest.access(kAddress, kRead).translated);
  CHECK(guest.shadow.resolve(kAddress, kRead) == Fault::filled);
  CHECK(guest.access(kAddress, kRead).frame == hv::MachineFrame{Guest::kFirst + 301});

  guest.shadow.emulate_store(GuestFrame{100}, guest::slot_of(kAddress), 0);
  CHECK(!guest.access(kAddress, kRead).translated);
  CHECK(!guest.shadow.traced(GuestFrame{101}));  // no table any more
  CHECK(!guest.shadow.audit());
}

TEST_CASE("a store to a table behind the monitor's back is found by the audit") {
  Guest guest;
  guest.shadow.load(guest.directory(100, 300));
  guest.shadow.resolve(kAddress, kRead);
  CHECK(!guest.shadow.audit());
  guest.memory.store(GuestFrame{101}, guest::index_in_table(kAddress), 301 << 12 | kUserPage);
  CHECK(guest.shadow.audit() == "the shadow entry for 0x08048000 under directory 0x64 has another frame");
}

TEST_CASE("a frame that was a table and is written as data is traced no more") {
  Guest guest;
  guest.shadow.load(guest.directory(100, 300));
  guest.shadow.resolve(kAddress, kRead);
  CHECK(guest.shadow.resolve(GuestFrame{101}.kernel_address(), kKernelWrite) == Fault::filled);
  CHECK(!guest.shadow.traced(GuestFrame{101}));
  CHECK(!guest.access(kAddress, kRead).translated);
  CHECK(guest.access(GuestFrame{101}.kernel_address(), kKernelWrite).translated);
  CHECK(!guest.shadow.audit());
}

TEST_CASE("a directory loaded again finds its shadow; the one loaded longest ago goes when the pages are used up") {
  Guest guest{6};  // three directories with one table each
  for (const u32 number : {100u, 110u, 120u}) {
    guest.shadow.load(guest.directory(number, 300 + number));
    guest.shadow.resolve(kAddress, kRead);
  }
  guest.shadow.load(GuestFrame{100});
  CHECK(guest.access(kAddress, kRead).translated);
  CHECK(guest.shadow.evictions() == 0);
  guest.shadow.load(guest.directory(130, 430));  // 110 goes, with its table
  guest.shadow.resolve(kAddress, kRead);
  CHECK(guest.shadow.evictions() == 1);
  CHECK(guest.shadow.directories() == 3);
  CHECK(!guest.shadow.traced(GuestFrame{110}));
  CHECK(!guest.shadow.traced(GuestFrame{111}));
  for (const u32 number : {100u, 120u}) {
    guest.shadow.load(GuestFrame{number});
    CHECK(guest.access(kAddress, kRead).frame == hv::MachineFrame{Guest::kFirst + 300 + number});
  }
  guest.shadow.load(GuestFrame{110});  // 130 goes
  CHECK(!guest.access(kAddress, kRead).translated);
  CHECK(!guest.shadow.traced(GuestFrame{130}));
  CHECK(!guest.shadow.audit());
}

TEST_CASE("one address space that needs more tables than there are begins again") {
  Guest guest{4};
  const GuestFrame directory = guest.directory(100, 300);
  for (u32 slot = 0; slot < 6; ++slot) {
    guest.memory.store(GuestFrame{200 + slot}, 0, (400 + slot) << 12 | kUserPage);
    guest.memory.store(directory, 256 + slot, (200 + slot) << 12 | guest::kTableEntry);
  }
  guest.shadow.load(directory);
  for (u32 slot = 0; slot < 6; ++slot) {
    const u32 address = (256 + slot) << 22;
    CHECK(guest.shadow.resolve(address, kWrite) == Fault::filled);
    CHECK(guest.access(address, kWrite).frame == hv::MachineFrame{Guest::kFirst + 400 + slot});
  }
  CHECK(guest.shadow.evictions() == 1);
  CHECK(!guest.access(256u << 22, kRead).translated);
  CHECK(!guest.shadow.audit());
}
