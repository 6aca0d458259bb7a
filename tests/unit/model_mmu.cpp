#include "model/mmu.h"

#include <doctest/doctest.h>

#include "support/page_tables.h"

using hv::kEntryAccessed, hv::kEntryDirty, hv::kEntryGlobal, hv::kEntryPresent, hv::kEntryUser, hv::kEntryWritable;
using model::Access, model::PhysicalMemory, model::Walk;

namespace {

constexpr hv::u32 kAddress = 0x08049123;
constexpr hv::u32 kDirectory = 10, kTarget = 42;

}  // namespace

TEST_CASE("rights combine over both levels, in all 128 combinations of bits, access and WP") {
  // The table of the Intel manual (vol. 3, combined page-directory and page-table protection), as rules of its own.
  for (int c = 0; c < 128; ++c) {
    const bool upper_writable = c & 1, upper_user = c & 2, leaf_writable = c & 4, leaf_user = c & 8;
    const Access access{.write = (c & 16) != 0, .user = (c & 32) != 0};
    const bool write_protect = c & 64;
    CAPTURE(c);

    PhysicalMemory memory{64};
    test::PageTables tables{memory, kDirectory};
    tables.map(kAddress, kTarget, (leaf_writable ? kEntryWritable : 0) | (leaf_user ? kEntryUser : 0),
               (upper_writable ? kEntryWritable : 0) | (upper_user ? kEntryUser : 0));
    const Walk walk = model::walk(memory, tables.directory(), kAddress, access, write_protect);

    bool allowed;
    if (access.user) {
      allowed = upper_user && leaf_user && (!access.write || (upper_writable && leaf_writable));
    } else {
      allowed = !access.write || !write_protect || (upper_writable && leaf_writable);
    }
    CHECK(walk.translated == allowed);
    const hv::u32 upper = memory.load(tables.directory_entry_address(kAddress));
    const hv::u32 leaf = memory.load(tables.entry_address(kAddress));
    CHECK(((upper & kEntryAccessed) != 0) == allowed);
    CHECK(((leaf & kEntryAccessed) != 0) == allowed);
    CHECK((upper & kEntryDirty) == 0);
    CHECK(((leaf & kEntryDirty) != 0) == (allowed && access.write));
    if (allowed) {
      CHECK(walk.frame.number() == kTarget);
      CHECK(walk.rights.writable == (upper_writable && leaf_writable));
      CHECK(walk.rights.user == (upper_user && leaf_user));
    } else {
      CHECK(walk.error_code == (1u | (access.write ? 2u : 0) | (access.user ? 4u : 0)));
    }
  }
}

TEST_CASE("a missing entry on either level faults without the protection bit, and leaves no trace") {
  PhysicalMemory memory{64};
  test::PageTables tables{memory, kDirectory};
  for (const Access access : {Access{false, false}, Access{true, false}, Access{false, true}, Access{true, true}}) {
    const hv::u32 expected = (access.write ? 2u : 0) | (access.user ? 4u : 0);
    const Walk no_table = model::walk(memory, tables.directory(), 0x40000000, access);
    CHECK_FALSE(no_table.translated);
    CHECK(no_table.error_code == expected);
    CHECK(no_table.levels_read == 1);

    tables.map(kAddress, kTarget, kEntryWritable | kEntryUser);
    const Walk no_page = model::walk(memory, tables.directory(), kAddress + 0x1000, access);
    CHECK_FALSE(no_page.translated);
    CHECK(no_page.error_code == expected);
    CHECK(no_page.levels_read == 2);
    CHECK((memory.load(tables.directory_entry_address(kAddress)) & kEntryAccessed) == 0);
  }
}

TEST_CASE("a walk says which entries it read and how many it had to change") {
  PhysicalMemory memory{64};
  test::PageTables tables{memory, kDirectory};
  tables.map(kAddress, kTarget, kEntryWritable);
  const auto walk = [&](bool write) { return model::walk(memory, tables.directory(), kAddress, {.write = write}); };

  const Walk first = walk(false);
  CHECK(first.levels_read == 2);
  CHECK(first.entry_address[0] == kDirectory * 4096 + 32 * 4);          // 0x08049123 >> 22 = 32
  CHECK(first.entry_address[1] == (kDirectory + 1) * 4096 + 0x49 * 4);  // page 0x49 of that 4 MB
  CHECK(first.entries_updated == 2);
  CHECK_FALSE(first.dirty);
  CHECK(walk(false).entries_updated == 0);
  const Walk store = walk(true);
  CHECK(store.entries_updated == 1);
  CHECK(store.dirty);
  CHECK(walk(true).entries_updated == 0);
  CHECK(walk(false).dirty);
}

TEST_CASE("a 4 MB page takes one level, and its frame is the 4 kB piece that holds the address") {
  PhysicalMemory memory{4096};
  test::PageTables tables{memory, kDirectory};
  tables.map_large(0xfc000000, 2048, kEntryWritable | kEntryGlobal);

  const Walk walk = model::walk(memory, tables.directory(), 0xfc0a5678, {.write = true});
  CHECK(walk.translated);
  CHECK(walk.large);
  CHECK(walk.global);
  CHECK(walk.frame.number() == 2048 + 0xa5);
  CHECK(walk.levels_read == 1);
  CHECK(walk.entries_updated == 1);
  CHECK((memory.load(tables.directory_entry_address(0xfc000000)) & (kEntryAccessed | kEntryDirty)) ==
        (kEntryAccessed | kEntryDirty));

  const Walk user = model::walk(memory, tables.directory(), 0xfc0a5678, {.user = true});
  CHECK_FALSE(user.translated);
  CHECK(user.error_code == 5);
}

TEST_CASE("the global bit counts in the leaf only") {
  PhysicalMemory memory{64};
  test::PageTables tables{memory, kDirectory};
  tables.map(0x1000, kTarget, kEntryGlobal);
  tables.map(0x2000, kTarget, 0, kEntryGlobal);
  CHECK(model::walk(memory, tables.directory(), 0x1000, {}).global);
  CHECK_FALSE(model::walk(memory, tables.directory(), 0x2000, {}).global);
}

TEST_CASE("tables beyond RAM read as ones") {
  PhysicalMemory memory{64};
  memory.store(kDirectory * 4096, 0x70000000 | kEntryPresent | kEntryWritable | kEntryUser);
  const Walk walk = model::walk(memory, hv::MachineFrame{kDirectory}, 0x1000, {.write = true, .user = true});
  CHECK(walk.translated);
  CHECK(walk.frame.number() == 0xfffff);
}

TEST_CASE("a directory that maps itself gives its own tables as pages") {
  PhysicalMemory memory{64};
  test::PageTables tables{memory, kDirectory};
  tables.map(kAddress, kTarget, kEntryWritable);
  memory.store(tables.directory_entry_address(hv::kLinearTableStart),
               kDirectory << 12 | kEntryPresent | kEntryWritable);
  const hv::u32 linear = hv::kLinearTableStart + (kAddress >> 12) * 4;
  const Walk walk = model::walk(memory, tables.directory(), linear, {});
  CHECK(walk.translated);
  CHECK((walk.frame.address() | linear % 4096) == tables.entry_address(kAddress));
}
