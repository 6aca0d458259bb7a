// Locks of the guest kernel in simulated time, judged by a checker that only knows when each processor said that it had
// the lock and when that it had it no more.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <vector>

#include "model/execution.h"
#include "sim/random.h"
#include "support/native_kernel.h"
#include "workloads/kernel/spin_lock.h"

namespace {

using guest::BriefLock;
using guest::KernelSpinLock;
using guest::SystemCalls;
using sim::Cycles;

struct Interval {
  std::int64_t start, end;
};

bool overlap(std::vector<Interval> holds) {
  std::sort(holds.begin(), holds.end(), [](const Interval& a, const Interval& b) { return a.start < b.start; });
  for (std::size_t i = 1; i < holds.size(); ++i) {
    if (holds[i].start < holds[i - 1].end) return true;
  }
  return false;
}

model::MachineFile machine_of(std::uint32_t cpus) {
  model::MachineFile file = test::dell2650();
  file.cpu.count = cpus;
  return file;
}

std::int64_t spun_by_cpus(const model::Machine& machine) {
  std::int64_t sum = 0;
  for (hv::CpuId id = 0; id < machine.cpu_count(); ++id) {
    sum += machine.physical_cpu(id).causes()[static_cast<std::size_t>(model::Cause::spin)].count();
  }
  return sum;
}

std::int64_t spun_for(const guest::KernelLocks& locks) {
  std::int64_t sum = 0;
  for (std::size_t lock = 0; lock < guest::KernelLocks::kCount; ++lock) sum += locks.counts(lock).spun.count();
  return sum;
}

void check_accounts(const model::Machine& machine) {
  for (hv::CpuId id = 0; id < machine.cpu_count(); ++id) {
    const model::Cpu& cpu = machine.physical_cpu(id);
    std::int64_t accounts = 0, causes = 0;
    for (const Cycles cycles : cpu.accounts()) accounts += cycles.count();
    CHECK(accounts == cpu.accounted_until().count());
    for (const Cycles cycles : cpu.causes()) causes += cycles.count();
    CHECK(causes <= accounts);  // idle time, and a burst that goes on, have none
  }
}

// What a program does in the kernel with a lock of the test's own.
struct Shared {
  test::NativeKernel* kernel = nullptr;
  KernelSpinLock* lock = nullptr;
  std::vector<Interval> holds;
  std::int64_t now() const { return kernel->machine().running().cycles().count(); }
};

model::Task<> hold_for(Shared& shared, Cycles cycles) {
  co_await shared.lock->take();
  const std::int64_t taken = shared.now();
  shared.kernel->machine().running().charge(cycles);
  shared.holds.push_back({taken, shared.now()});
  co_await shared.lock->release();
}

TEST_CASE("two CPUs at one lock: the second one has it when the first one lets it go, and its line is fetched") {
  constexpr std::int64_t kHold = 240'000;  // 100 us
  Shared shared;
  std::vector<std::int64_t> arrived;
  const auto program = [&](std::int64_t before) -> guest::UserCode {
    return [&shared, &arrived, before](SystemCalls& calls) -> model::Task<> {
      co_await calls.compute(Cycles{before});
      shared.kernel->kernel().enter_system_call();
      arrived.push_back(shared.now());
      co_await hold_for(shared, Cycles{kHold});
      co_await shared.kernel->kernel().leave_system_call();
    };
  };
  test::NativeKernel kernel{{program(2'400'000), program(2'450'000)}, 2};
  KernelSpinLock lock{kernel.machine(), kernel.port(), 2};
  shared.kernel = &kernel;
  shared.lock = &lock;
  kernel.run();

  REQUIRE(shared.holds.size() == 2);
  REQUIRE(arrived[1] > arrived[0]);
  REQUIRE(arrived[1] < shared.holds[0].end);
  const std::int64_t move = 2 * test::dell2650().memory.line_transfer.count();
  // A lock that nobody has had is processor 0's.
  CHECK(shared.holds[1].start == shared.holds[0].end + move);
  CHECK(lock.counts().contended == 1);
  CHECK(lock.counts().spun.count() == shared.holds[0].end - arrived[1]);
  CHECK(spun_by_cpus(kernel.machine()) == lock.counts().spun.count() + spun_for(kernel.kernel().locks()));
  check_accounts(kernel.machine());
}

TEST_CASE("whatever processors do, holds never overlap, everybody gets the lock, and waiting is accounted") {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    const std::uint32_t cpus = 2 + seed % 3;
    constexpr int kPrograms = 6, kRounds = 150;
    Shared shared;
    std::vector<guest::UserCode> programs;
    for (int i = 0; i < kPrograms; ++i) {
      programs.push_back([&shared, seed, i](SystemCalls& calls) -> model::Task<> {
        sim::RandomStream random = sim::Random{seed}.stream("program " + std::to_string(i));
        for (int round = 0; round < kRounds; ++round) {
          co_await calls.compute(Cycles{static_cast<std::int64_t>(random.below(40'000))});
          shared.kernel->kernel().enter_system_call();
          co_await hold_for(shared, Cycles{static_cast<std::int64_t>(random.below(20'000))});
          co_await shared.kernel->kernel().leave_system_call();
        }
      });
    }
    const model::MachineFile file = machine_of(cpus);
    test::NativeKernel kernel{std::move(programs), cpus, file};
    KernelSpinLock lock{kernel.machine(), kernel.port(), 1};
    shared.kernel = &kernel;
    shared.lock = &lock;
    kernel.run();

    CHECK(shared.holds.size() == kPrograms * kRounds);
    CHECK_FALSE(overlap(shared.holds));
    CHECK_FALSE(lock.held());
    CHECK(lock.counts().takes == kPrograms * kRounds);
    CHECK(lock.counts().contended > 50);
    const std::int64_t others = spun_for(kernel.kernel().locks());  // of the kernel's own
    CHECK(spun_by_cpus(kernel.machine()) == lock.counts().spun.count() + others);
    check_accounts(kernel.machine());
  }
}

TEST_CASE(
    "the big kernel lock is not had while its process sleeps, and had again afterwards, as often as it was taken") {
  Shared shared;
  std::vector<guest::UserCode> programs;
  for (int i = 0; i < 4; ++i) {
    programs.push_back([&shared, i](SystemCalls& calls) -> model::Task<> {
      sim::RandomStream random = sim::Random{7}.stream("program " + std::to_string(i));
      guest::Kernel& kernel = shared.kernel->kernel();
      for (int round = 0; round < 60; ++round) {
        co_await calls.compute(Cycles{static_cast<std::int64_t>(random.below(30'000))});
        kernel.enter_system_call();
        co_await kernel.big_lock().take();
        co_await kernel.big_lock().take();
        std::int64_t since = shared.now();
        kernel.cpu().charge(Cycles{static_cast<std::int64_t>(random.below(30'000))});
        if (random.below(4) == 0) {
          shared.holds.push_back({since, shared.now()});
          co_await kernel.sleep_for(1);
          since = shared.now();
          kernel.cpu().charge(Cycles{1000});
        }
        co_await kernel.big_lock().release();
        shared.holds.push_back({since, shared.now()});
        co_await kernel.big_lock().release();
        CHECK(kernel.current().big_lock_depth == 0);
        co_await kernel.leave_system_call();
      }
    });
  }
  test::NativeKernel kernel{std::move(programs), 2};
  shared.kernel = &kernel;
  kernel.run();
  CHECK(shared.holds.size() > 4 * 60);
  CHECK_FALSE(overlap(shared.holds));
  CHECK(kernel.kernel().locks().counts(guest::kLocks).contended > 20);
}

TEST_CASE("a brief lock: whoever comes later in time waits, whoever's code runs later") {
  constexpr Cycles kMove{10};
  BriefLock lock{2};
  const auto take = [&](guest::u32 processor, std::int64_t from, std::int64_t length) {
    return lock.take(processor, Cycles{from}, Cycles{length}, kMove, Cycles{0});
  };
  CHECK(take(0, 100, 50).start == Cycles{100});
  CHECK(take(0, 400, 50).start == Cycles{400});
  // The other one asks for an earlier time: a gap that is long enough is free, one that is not is waited out.
  const BriefLock::Hold between = take(1, 160, 30);
  CHECK(between.start == Cycles{160});
  CHECK(between.end == Cycles{200});  // it fetches the line
  CHECK(between.moves == 1);
  CHECK(take(1, 120, 20).start == Cycles{200});   // 150 to 160 is too short
  CHECK(take(1, 120, 300).start == Cycles{450});  // nowhere before
  CHECK(lock.counts().contended == 2);
  CHECK(lock.counts().spun == Cycles{80 + 330});
  // Processor 0's hold at 400 was taken for a second one in a row: it still has to fetch the line that was taken away.
  CHECK(take(0, 1000, 10).moves == 2);
}

TEST_CASE("brief holds of processors at different times never overlap and begin as early as they can") {
  sim::RandomStream random = sim::Random{11}.stream("holds");
  constexpr guest::u32 kProcessors = 4;
  BriefLock lock{kProcessors};
  std::vector<std::int64_t> clocks(kProcessors);
  std::vector<Interval> holds;
  for (int i = 0; i < 4000; ++i) {
    const auto processor = static_cast<guest::u32>(random.below(kProcessors));
    const std::int64_t earliest = *std::min_element(clocks.begin(), clocks.end());
    const std::int64_t from = clocks[processor] += static_cast<std::int64_t>(random.below(300));
    const auto length = 1 + static_cast<std::int64_t>(random.below(60));
    const BriefLock::Hold hold = lock.take(processor, Cycles{from}, Cycles{length}, Cycles{7}, Cycles{earliest});
    const std::int64_t taken = hold.end.count() - hold.start.count();
    CHECK(hold.start.count() >= from);
    CHECK((taken == length || taken == length + 7));
    // Everybody who could have waited less: some hold is in the way.
    for (std::int64_t sooner = hold.start.count() - 1; sooner >= from; --sooner) {
      const bool free = std::none_of(holds.begin(), holds.end(), [&](const Interval& other) {
        return other.start < sooner + taken && sooner < other.end;
      });
      CHECK_FALSE(free);
    }
    holds.push_back({hold.start.count(), hold.end.count()});
    clocks[processor] = hold.end.count();
  }
  CHECK_FALSE(overlap(holds));
  CHECK(lock.counts().contended > 100);
}

TEST_CASE("two processes that create files on two CPUs wait for each other; on one CPU there is nothing to wait for") {
  for (const std::uint32_t cpus : {1u, 2u}) {
    std::vector<guest::UserCode> programs;
    for (int i = 0; i < 2; ++i) {
      programs.push_back([i](SystemCalls& calls) -> model::Task<> {
        for (int file = 0; file < 40; ++file) {
          const std::string name = "/file" + std::to_string(i) + "." + std::to_string(file);
          const guest::Descriptor made = co_await calls.open(name, {.create = true});
          REQUIRE(made >= 0);
          co_await calls.close(made);
        }
      });
    }
    test::NativeKernel kernel{std::move(programs), cpus};
    kernel.run();
    CHECK((spun_for(kernel.kernel().locks()) > 0) == (cpus == 2));
    CHECK(spun_by_cpus(kernel.machine()) == spun_for(kernel.kernel().locks()));
    CHECK_FALSE(kernel.port().audit());
    check_accounts(kernel.machine());
  }
}

}  // namespace
