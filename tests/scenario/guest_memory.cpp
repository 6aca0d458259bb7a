// What memory management asks of its port, counted: every number here is one of a table of what Linux 2.4 and its first
// port to a hypervisor did for the same operation.
#include <doctest/doctest.h>

#include "support/native_kernel.h"
#include "support/xen_kernel.h"
#include "workloads/kernel/executable.h"
#include "workloads/kernel/file_system.h"

namespace {

using guest::SystemCalls;
using guest::u32;
using model::Task;
using model::Use;

constexpr u32 kPage = 4096;

// Loads of CR3 and INVLPGs cost so much more than any other single operation that their numbers can be read off its
// sum.
constexpr std::int64_t kLoadCost = 2'000'000, kInvalidateCost = 50'000;

const model::MachineFile& counting_machine() {
  static const model::MachineFile file = [] {
    model::MachineFile changed = test::dell2650();
    changed.cpu.load_cr3 = sim::Cycles{kLoadCost};
    changed.cpu.invalidate_page = sim::Cycles{kInvalidateCost};
    return changed;
  }();
  return file;
}

struct Counts {
  std::int64_t requests = 0, hypercalls = 0, loads = 0, invalidations = 0;
  friend bool operator==(const Counts&, const Counts&) = default;
};
std::ostream& operator<<(std::ostream& out, const Counts& counts) {
  return out << counts.requests << " requests, " << counts.hypercalls << " hypercalls, " << counts.loads
             << " loads of CR3, " << counts.invalidations << " INVLPGs";
}

// Since it was made. On bare hardware there are no requests and hypercalls.
class Meter {
 public:
  explicit Meter(SystemCalls& calls)
      : calls_{calls},
        queue_{dynamic_cast<guest::XenPort*>(&calls.kernel().port())},
        requests_{queue_ ? queue_->page_table_requests() : 0},
        hypercalls_{queue_ ? queue_->page_table_batches() : 0},
        operations_{operations()} {}
  Counts counts() const {
    const std::int64_t spent = operations() - operations_;
    Counts counts{0, 0, spent / kLoadCost, spent % kLoadCost / kInvalidateCost};
    if (queue_) {
      counts.requests = static_cast<std::int64_t>(queue_->page_table_requests() - requests_);
      counts.hypercalls = static_cast<std::int64_t>(queue_->page_table_batches() - hypercalls_);
    }
    return counts;
  }

 private:
  std::int64_t operations() const {
    return calls_.machine().running().causes()[static_cast<std::size_t>(model::Cause::operation)].count();
  }
  SystemCalls& calls_;
  guest::XenPort* queue_;
  std::uint64_t requests_, hypercalls_;
  std::int64_t operations_;
};

void run_on_native(const guest::UserCode& program) {
  test::NativeKernel native{{program}, 1, counting_machine()};
  native.run();
  const auto wrong = native.port().audit();
  CHECK_MESSAGE(!wrong, wrong.value_or(""));
}

void run_on_xen(const guest::UserCode& program) {
  test::XenKernel xen{{program}, counting_machine()};
  xen.run();
  const auto wrong = xen.audit();
  CHECK_MESSAGE(!wrong, wrong.value_or(""));
}

bool on_xen(SystemCalls& calls) { return dynamic_cast<guest::XenPort*>(&calls.kernel().port()) != nullptr; }

// On both; a check gives the expected counts of both.
void run(const guest::UserCode& program) {
  SUBCASE("native") { run_on_native(program); }
  SUBCASE("xen") { run_on_xen(program); }
}
Counts expected(SystemCalls& calls, Counts native, Counts xen) { return on_xen(calls) ? xen : native; }

Task<> write(SystemCalls& calls, u32 address, u32 pages) {
  co_await calls.access(model::Sweep{address, pages * kPage, Use::write});
}
Task<> read(SystemCalls& calls, u32 address, u32 pages) {
  co_await calls.access(model::Sweep{address, pages * kPage, Use::read});
}
Task<> map_at(SystemCalls& calls, u32 address, u32 pages) {
  co_await calls.map({.bytes = pages * kPage, .protection = {.write = true}, .address = address});
}

// A program in three areas and three tables: 12 pages that it has written, 3 that it has only read.
constexpr u32 kData = 0x08048000, kLibrary = 0x40000000, kStack = 0xbfff0000;
constexpr std::int64_t kPresent = 15, kWritten = 12, kTables = 3, kAreas = 3;
Task<> write_all(SystemCalls& calls) {
  co_await write(calls, kData, 6);
  co_await write(calls, kLibrary, 4);
  co_await write(calls, kStack, 2);
}
Task<> set_up(SystemCalls& calls) {
  co_await map_at(calls, kData, 300);
  co_await map_at(calls, kLibrary, 16);
  co_await map_at(calls, kStack, 8);
  co_await write_all(calls);
  co_await read(calls, kLibrary + 8 * kPage, 3);
  CHECK(calls.process().space->present_pages == kPresent);
  CHECK(calls.process().space->tables.size() == kTables);
  CHECK(calls.process().space->areas.size() == kAreas);
}

Task<> fork_and_wait(SystemCalls& calls) {
  const guest::ProcessId child = co_await calls.fork([](SystemCalls&) -> Task<> { co_return; });
  const std::optional<u32> status = co_await calls.wait(child);
  CHECK(status == 0u);
}

}  // namespace

TEST_CASE("fork write-protects, copies and hooks up in L + 1 hypercalls, and flushes once") {
  run([](SystemCalls& calls) -> Task<> {
    co_await set_up(calls);
    co_await fork_and_wait(calls);  // now there are tables for the next one
    co_await write_all(calls);      // the last user of each page keeps it
    const Meter meter{calls};
    const guest::ProcessId child = co_await calls.fork([](SystemCalls&) -> Task<> { co_return; });
    CHECK(meter.counts() == expected(calls, {0, 0, 1, 0}, {kPresent + kWritten + kTables + 1, kTables + 1, 1, 0}));
    co_await calls.wait(child);
  });
}

TEST_CASE("exit flushes once per area and once more; two process switches go with it") {
  run([](SystemCalls& calls) -> Task<> {
    co_await set_up(calls);
    co_await fork_and_wait(calls);
    const guest::ProcessId child = co_await calls.fork([](SystemCalls&) -> Task<> { co_return; });
    const Meter meter{calls};
    co_await calls.wait(child);
    CHECK(meter.counts() == expected(calls, {0, 0, kAreas + 1 + 2, 0},
                                     {kPresent + kTables + kAreas + 1 + 2, kAreas + 2, kAreas + 1 + 2, 0}));
  });
}

TEST_CASE("munmap clears what is there and flushes once per area; a slot that becomes free is one more") {
  run([](SystemCalls& calls) -> Task<> {
    co_await set_up(calls);
    Meter in_slot{calls};
    co_await calls.unmap(kLibrary, 2 * kPage);
    CHECK(in_slot.counts() == expected(calls, {0, 0, 1, 0}, {2 + 1, 1, 1, 0}));
    Meter nothing_there{calls};
    co_await calls.unmap(kData + 100 * kPage, 50 * kPage);
    CHECK(nothing_there.counts() == expected(calls, {0, 0, 1, 0}, {1, 1, 1, 0}));
    Meter whole_slot{calls};
    co_await calls.unmap(kStack, 8 * kPage);
    CHECK(whole_slot.counts() == expected(calls, {0, 0, 2, 0}, {2 + 1 + 1, 1 + 1, 1, 0}));
    Meter no_area{calls};
    co_await calls.unmap(kStack, 8 * kPage);
    CHECK(no_area.counts() == Counts{});
  });
}

TEST_CASE("mmap costs no request, unless it is over something") {
  run([](SystemCalls& calls) -> Task<> {
    co_await set_up(calls);
    Meter meter{calls};
    const u32 somewhere = co_await calls.map({.bytes = 10 * kPage, .protection = {.write = true}});
    CHECK(somewhere == kLibrary + 16 * kPage);  // the first room above where it is looked for
    co_await calls.grow_heap(10 * kPage);
    CHECK(meter.counts() == Counts{});
    Meter over{calls};
    co_await map_at(calls, kData, 2);
    CHECK(over.counts() == expected(calls, {0, 0, 1, 0}, {2 + 1, 1, 1, 0}));
  });
}

TEST_CASE("mprotect clears and sets each present entry, and flushes once per area") {
  run([](SystemCalls& calls) -> Task<> {
    co_await set_up(calls);
    Meter meter{calls};
    co_await calls.protect(kData, 300 * kPage, {});
    CHECK(meter.counts() == expected(calls, {0, 0, 1, 0}, {2 * 6 + 1, 1, 1, 0}));
    Meter same{calls};
    co_await calls.protect(kData, 300 * kPage, {});
    CHECK(same.counts() == Counts{});
    co_await calls.protect(kData, 300 * kPage, {.write = true});
    CHECK(calls.process().space->areas.size() == kAreas);
  });
}

TEST_CASE("a demand fault is one request; the first in a 4 MB slot hooks up a table, a fresh one is pinned") {
  run([](SystemCalls& calls) -> Task<> {
    co_await set_up(calls);
    Meter write_fault{calls};
    co_await write(calls, kData + 10 * kPage, 1);
    CHECK(write_fault.counts() == expected(calls, {}, {1, 1, 0, 0}));
    Meter read_fault{calls};
    co_await read(calls, kData + 11 * kPage, 1);
    CHECK(read_fault.counts() == expected(calls, {}, {1, 1, 0, 0}));
    co_await map_at(calls, 0x50000000, 1);
    Meter fresh_table{calls};
    co_await write(calls, 0x50000000, 1);
    CHECK(fresh_table.counts() == expected(calls, {}, {1 + 3, 1 + 1, 1, 0}));
    co_await calls.unmap(0x50000000, kPage);
    co_await map_at(calls, 0x60000000, 1);
    Meter kept_table{calls};
    co_await write(calls, 0x60000000, 1);
    CHECK(kept_table.counts() == expected(calls, {}, {1 + 1, 1 + 1, 0, 0}));
  });
}

TEST_CASE("copy on write is one entry and one INVLPG, copied or kept") {
  run([](SystemCalls& calls) -> Task<> {
    co_await set_up(calls);
    const guest::ProcessId child = co_await calls.fork([](SystemCalls&) -> Task<> { co_return; });
    Meter copied{calls};
    co_await write(calls, kData, 1);
    CHECK(copied.counts() == expected(calls, {0, 0, 0, 1}, {2, 1, 0, 1}));
    co_await calls.wait(child);
    Meter kept{calls};
    co_await write(calls, kData + kPage, 1);
    CHECK(kept.counts() == expected(calls, {0, 0, 0, 1}, {2, 1, 0, 1}));
    Meter of_zeros{calls};
    co_await write(calls, kLibrary + 8 * kPage, 1);
    CHECK(of_zeros.counts() == expected(calls, {0, 0, 0, 1}, {2, 1, 0, 1}));
  });
}

TEST_CASE("exec tears down in place, then installs the page of arguments: a table and an entry, a hypercall each") {
  run([](SystemCalls& calls) -> Task<> {
    co_await set_up(calls);
    co_await fork_and_wait(calls);
    std::optional<Meter> meter;
    std::optional<Counts> counts;
    guest::Executable executable;
    executable.segments = {
        {.start = kData, .bytes = 20 * kPage, .file_bytes = 2 * kPage, .protection = {.write = true}}};
    executable.break_start = kData + 20 * kPage;
    executable.code = [&meter, &counts](SystemCalls& of_child) -> Task<> {
      counts = meter->counts();
      CHECK(of_child.process().space->areas.size() == 3);  // file, zeros, stack
      CHECK(of_child.process().space->present_pages == 1);
      co_await write(of_child, kData, 1);  // a copy of the file's page
      co_await of_child.exit(3);
    };
    calls.kernel().file_system().install("/program", 2 * kPage,
                                         std::make_shared<const guest::Executable>(std::move(executable)));
    const guest::UserCode code = [&meter](SystemCalls& of_child) -> Task<> {
      meter.emplace(of_child);
      co_await of_child.exec("/program");
      CHECK(false);  // it does not return
    };
    const guest::ProcessId child = co_await calls.fork(code);
    const std::optional<u32> status = co_await calls.wait(child);
    CHECK(status == 3u);
    REQUIRE(counts);
    CHECK(*counts ==
          expected(calls, {0, 0, kAreas + 1, 0}, {kPresent + kTables + kAreas + 1 + 2, kAreas + 2 + 2, kAreas + 1, 0}));
    CHECK(calls.kernel().find_process(child) == nullptr);
  });
}

TEST_CASE("a child that nobody waits for leaves nothing behind, nor does one that its parent left behind") {
  run([](SystemCalls& calls) -> Task<> {
    co_await set_up(calls);
    const std::size_t before = calls.kernel().processes().size();
    const guest::ProcessId child = co_await calls.fork([](SystemCalls& of_child) -> Task<> {
      co_await of_child.fork([](SystemCalls& of_grandchild) -> Task<> { co_await of_grandchild.sleep(2); });
      co_await of_child.fork([](SystemCalls&) -> Task<> { co_return; });
    });
    const std::optional<u32> status = co_await calls.wait(child);
    CHECK(status == 0u);
    const std::optional<u32> nobody = co_await calls.wait(child);
    CHECK(!nobody);
    co_await calls.sleep(5);
    CHECK(calls.kernel().processes().size() == before);
  });
}
