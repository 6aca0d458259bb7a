#include "model/tlb.h"

#include <doctest/doctest.h>

#include "support/page_tables.h"

using hv::kEntryDirty, hv::kEntryGlobal, hv::kEntryUser, hv::kEntryWritable;
using model::Access, model::PhysicalMemory, model::Tlb, model::TlbResult;
using sim::Cycles;

namespace {

constexpr model::TranslationCost kCost{.walk = Cycles{21}, .level = Cycles{18}, .bit_update = Cycles{104}};

struct Fixture {
  PhysicalMemory memory{4096};
  test::PageTables tables{memory, 10};
  Tlb tlb{64, kCost};

  TlbResult access(hv::u32 address, Access how = {}) { return tlb.translate(memory, tables.directory(), address, how); }
  hv::u32 page(hv::u32 n) { return 0x08000000 + n * 4096; }
  void map_pages(hv::u32 count, hv::u32 bits = kEntryWritable | kEntryUser) {
    for (hv::u32 n = 0; n < count; ++n) tables.map(page(n), 100 + n, bits);
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a miss walks two levels and sets two bits, a hit is free") {
  map_pages(1);
  const TlbResult miss = access(page(0) + 0x123);
  CHECK(miss.ok);
  CHECK(miss.machine_address == 100 * 4096 + 0x123);
  CHECK(miss.cost == Cycles{21 + 2 * 18 + 2 * 104});
  const TlbResult hit = access(page(0) + 0xffc);
  CHECK(hit.machine_address == 100 * 4096 + 0xffc);
  CHECK(hit.cost == Cycles{0});
  CHECK(tlb.hits() == 1);
  CHECK(tlb.misses() == 1);
}

TEST_CASE_FIXTURE(Fixture, "64 pages fit; the 65th displaces the least recently used") {
  map_pages(65);
  for (hv::u32 n = 0; n < 64; ++n) access(page(n));
  CHECK(tlb.misses() == 64);
  access(page(0));  // page 1 is now the oldest
  CHECK(tlb.hits() == 1);
  access(page(64));
  CHECK(tlb.size() == 64);
  CHECK(tlb.holds(page(0)));
  CHECK_FALSE(tlb.holds(page(1)));
  CHECK(tlb.holds(page(2)));
}

TEST_CASE_FIXTURE(Fixture, "65 pages touched in turn miss every time, 64 never again") {
  map_pages(65);
  for (int round = 0; round < 3; ++round) {
    for (hv::u32 n = 0; n < 65; ++n) access(page(n));
  }
  CHECK(tlb.misses() == 3 * 65);
  tlb.flush();
  for (int round = 0; round < 3; ++round) {
    for (hv::u32 n = 0; n < 64; ++n) access(page(n));
  }
  CHECK(tlb.misses() == 3 * 65 + 64);
}

TEST_CASE_FIXTURE(Fixture, "loading CR3 keeps global entries, flush_global drops them too") {
  map_pages(3);
  tables.map(0xc0000000, 200, kEntryWritable | kEntryGlobal);
  tables.map_large(0xfc000000, 1024, kEntryWritable | kEntryGlobal);
  for (const hv::u32 address : {page(0), page(1), page(2), 0xc0000000u, 0xfc000000u}) access(address);
  CHECK(tlb.size() == 5);
  tlb.flush();
  CHECK(tlb.size() == 2);
  CHECK(tlb.holds(0xc0000000));
  CHECK(tlb.holds(0xfc3fffff));
  tlb.flush_global();
  CHECK(tlb.size() == 0);
}

TEST_CASE_FIXTURE(Fixture, "invalidating a page drops its entry only, be it global or large") {
  map_pages(2);
  tables.map(0xc0000000, 200, kEntryGlobal);
  tables.map_large(0xfc000000, 1024, kEntryGlobal);
  for (const hv::u32 address : {page(0), page(1), 0xc0000000u, 0xfc000000u}) access(address);
  tlb.invalidate(page(0) + 5);
  CHECK_FALSE(tlb.holds(page(0)));
  CHECK(tlb.holds(page(1)));
  tlb.invalidate(0xc0000000);
  CHECK_FALSE(tlb.holds(0xc0000000));
  tlb.invalidate(0xfc123000);
  CHECK_FALSE(tlb.holds(0xfc000000));
  tlb.invalidate(0x12345000);  // not there
  CHECK(tlb.size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "a store through a clean entry walks once more and sets the dirty bit") {
  map_pages(1);
  access(page(0));
  const auto dirty = [&] { return (memory.load(tables.entry_address(page(0))) & kEntryDirty) != 0; };
  CHECK_FALSE(dirty());
  const TlbResult store = access(page(0), {.write = true});
  CHECK(store.cost == Cycles{21 + 2 * 18 + 104});
  CHECK(dirty());
  CHECK(access(page(0), {.write = true}).cost == Cycles{0});
  CHECK(tlb.size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "it is not coherent with the tables: a stale entry serves until it is dropped") {
  map_pages(1);
  access(page(0), {.write = true});
  memory.store(tables.entry_address(page(0)), 0);
  CHECK(access(page(0), {.write = true}).ok);
  tlb.invalidate(page(0));
  const TlbResult fault = access(page(0), {.write = true, .user = true});
  CHECK_FALSE(fault.ok);
  CHECK(fault.fault_code == 6);
  CHECK(fault.cost == Cycles{21 + 2 * 18});
}

TEST_CASE_FIXTURE(Fixture, "rights that the entry lacks are looked up anew; a fault drops the entry") {
  map_pages(1, kEntryUser);
  access(page(0), {.user = true});
  const TlbResult fault = access(page(0), {.write = true, .user = true});
  CHECK_FALSE(fault.ok);
  CHECK(fault.fault_code == 7);
  CHECK_FALSE(tlb.holds(page(0)));

  access(page(0), {.user = true});
  memory.store(tables.entry_address(page(0)), memory.load(tables.entry_address(page(0))) | kEntryWritable);
  CHECK(access(page(0), {.write = true, .user = true}).ok);  // a spurious fault would be wrong on x86
}

TEST_CASE_FIXTURE(Fixture, "one 4 MB entry serves all of its 1024 pages") {
  tables.map_large(0xfc000000, 1024, kEntryWritable);
  for (hv::u32 n = 0; n < 1024; ++n) {
    const TlbResult result = access(0xfc000000 + n * 4096 + 8, {.write = true});
    CHECK(result.machine_address == (1024 + n) * 4096 + 8);
  }
  CHECK(tlb.misses() == 1);
  CHECK(tlb.size() == 1);
}

TEST_CASE("a TLB has at least one and at most 128 entries") {
  CHECK_THROWS(Tlb(0, kCost));
  CHECK_THROWS(Tlb(129, kCost));
  PhysicalMemory memory{512};
  test::PageTables tables{memory, 10};
  Tlb tlb{1, kCost};
  for (hv::u32 n = 0; n < 3; ++n) {
    tables.map(n * 4096, 20 + n, 0);
    CHECK(tlb.translate(memory, tables.directory(), n * 4096, {}).ok);
    CHECK(tlb.size() == 1);
  }
}
