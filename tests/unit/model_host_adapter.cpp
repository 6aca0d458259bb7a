// The host adapter: commands in, completions out, one interrupt until its handler is done, and what a trace is told.
#include "model/disk/host_adapter.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <vector>

using hw::BlockCommand, hw::BlockCompletion, hw::BlockOperation, hw::BlockTag;
using model::BlockTraceEvent, model::DriveFile, model::HostAdapter, model::InterruptRouter, model::MachineFile;
using sim::Cycles, sim::Duration, sim::Time;
using Action = BlockTraceEvent::Action;

namespace {

constexpr hv::u32 kLine = 17;
const std::string kRoot = RINGZERO_SOURCE_DIR;

struct TestDriver final : model::DriverCpu {
  explicit TestDriver(sim::EventQueue& queue) : queue{queue} {}
  Time local_time() const override { return queue.now() + ahead; }
  void charge(Cycles cycles) override { charged += cycles; }
  sim::EventQueue& queue;
  Duration ahead;
  Cycles charged;
};

struct Told final : model::BlockTrace {
  struct Line {
    BlockTraceEvent event;
    Time at;
  };
  DeviceId add_device(const std::string&) override { return 0; }
  void event(DeviceId, const BlockTraceEvent& event, Time at) override { lines.push_back({event, at}); }
  void passed(Time) override {}
  std::vector<Line> lines;
};

struct Bench {
  explicit Bench(std::vector<std::uint64_t> bad_sectors = {})
      : adapter{machine, drive, std::move(bad_sectors), kLine, queue, router, driver} {
    router.unmask(kLine);
    adapter.set_trace(told, "sda");
  }
  bool submit(hv::u32 id, std::uint64_t sector, BlockTag tag = BlockTag::simple) {
    return adapter.submit({.id = id, .tag = tag, .sector = sector, .sectors = 8});
  }
  void until_interrupt() {
    while (!pending && queue.run_next()) continue;
  }
  std::vector<BlockCompletion> collect() {
    std::vector<BlockCompletion> all;
    for (BlockCompletion completion; adapter.next_completed(completion);) all.push_back(completion);
    return all;
  }

  const MachineFile machine = MachineFile::load(kRoot + "/model/machines/dell2650.json");
  const DriveFile drive = DriveFile::load(kRoot + "/model/drives/ultrastar146z10.json");
  sim::EventQueue queue;
  TestDriver driver{queue};
  bool pending = false;
  int interrupts = 0;
  InterruptRouter router{[this](hv::CpuId, hv::u32, bool now_pending) {
    interrupts += now_pending && !pending;
    pending = now_pending;
  }};
  HostAdapter adapter;
  Told told;
};

}  // namespace

TEST_CASE("as many commands as the drive's queue holds, then none until a completion was collected") {
  Bench bench;
  REQUIRE(bench.adapter.queue_depth() == 64);
  for (hv::u32 id = 0; id < 64; ++id) CHECK(bench.submit(id, id * 1'000'000ull));
  CHECK_FALSE(bench.submit(64, 0));
  bench.until_interrupt();
  CHECK_FALSE(bench.submit(64, 0));  // completed, but its block is still the adapter's
  CHECK(bench.collect().size() == 1);
  CHECK(bench.submit(64, 0));
}

TEST_CASE(
    "a command reaches the drive when its block was fetched: 15 us after the register write of a CPU that is ahead") {
  Bench bench;
  bench.driver.ahead = Duration::microseconds(40);
  bench.submit(1, 0);
  bench.until_interrupt();
  REQUIRE(bench.told.lines.size() == 3);
  CHECK(bench.told.lines[0].at == Time::at(Duration::microseconds(55)));
  CHECK(bench.driver.charged > Cycles{});
}

TEST_CASE("ids are the caller's, each comes back once, and ordered commands come back in their order") {
  Bench bench;
  for (hv::u32 i = 0; i < 30; ++i) {
    bench.submit(1000 - i, (i * 7919ull % 30) * 9'000'000, i % 10 == 5 ? BlockTag::ordered : BlockTag::simple);
  }
  std::vector<hv::u32> ids;
  while (ids.size() < 30) {
    bench.until_interrupt();
    REQUIRE(bench.pending);
    for (const BlockCompletion& completion : bench.collect()) ids.push_back(completion.id);
    bench.adapter.interrupt_done();
    bench.router.end_of_interrupt(kLine);
  }
  const auto place = [&](hv::u32 i) { return std::ranges::find(ids, 1000 - i) - ids.begin(); };
  for (hv::u32 i = 0; i < 30; ++i) {
    CAPTURE(i);
    CHECK(std::ranges::count(ids, 1000 - i) == 1);
    for (const hv::u32 ordered : {5u, 15u, 25u}) CHECK((place(i) < place(ordered)) == (i < ordered));
  }
  CHECK_FALSE(std::ranges::is_sorted(ids, std::greater{}));  // the drive did reorder the others
}

TEST_CASE("one interrupt until its handler is done, then another if more has completed meanwhile") {
  Bench bench;
  for (hv::u32 id = 0; id < 3; ++id) bench.submit(id, id * 50'000'000ull);
  bench.until_interrupt();
  while (bench.queue.run_next()) continue;  // nobody handles it
  CHECK(bench.interrupts == 1);
  BlockCompletion completion;
  CHECK(bench.adapter.next_completed(completion));
  bench.adapter.interrupt_done();
  bench.router.end_of_interrupt(kLine);
  CHECK(bench.interrupts == 2);
  CHECK(bench.collect().size() == 2);
  bench.adapter.interrupt_done();
  bench.router.end_of_interrupt(kLine);
  CHECK(bench.interrupts == 2);
  CHECK_FALSE(bench.pending);
}

TEST_CASE("a trace is told of every command: queued, issued, completed in this order; failures and flushes as such") {
  Bench bench{{16}};
  bench.submit(1, 8);
  bench.submit(2, 16);
  bench.adapter.submit({.id = 3, .operation = BlockOperation::flush});
  while (bench.queue.run_next()) continue;
  std::map<std::uint64_t, std::vector<Action>> actions;
  Time last;
  for (const Told::Line& line : bench.told.lines) {
    CHECK(line.at >= last);
    last = line.at;
    actions[line.event.sector].push_back(line.event.action);
    CHECK(line.event.failed == (line.event.action == Action::completed && line.event.sector == 16));
    CHECK(line.event.barrier == (line.event.sectors == 0));
  }
  REQUIRE(actions.size() == 3);
  for (const auto& [sector, of_it] : actions) {
    CHECK(of_it == std::vector{Action::queued, Action::issued, Action::completed});
  }
}
