// A kernel without free memory: what it gives up first, what it refuses, and whom it kills.
#include <doctest/doctest.h>

#include <cmath>

#include "support/native_kernel.h"
#include "support/xen_kernel.h"
#include "workloads/kernel/file_system.h"

namespace {

using guest::SystemCalls;
using guest::u32;
using guest::u64;
using model::Task;
using model::Use;

constexpr u32 kPage = 4096;
constexpr std::uint64_t kMegabytes = 16;  // of the domain

const test::DiskOfKernel kNoSwap{.disk_bytes = 256 << 20};
const test::DiskOfKernel kWithSwap{.disk_bytes = 256 << 20, .swap_bytes = 32 << 20};

Task<u32> map(SystemCalls& calls, u32 pages) {
  guest::Mapping mapping;
  mapping.bytes = pages * kPage;
  mapping.protection = {.write = true};
  co_return co_await calls.map(mapping);
}

Task<> use(SystemCalls& calls, u32 start, u32 pages, Use how = Use::write) {
  for (u32 i = 0; i < pages; ++i) co_await calls.access(model::Sweep{start + i * kPage, 4, how});
}

void run(test::XenKernel& xen) {
  xen.run(sim::Duration::seconds(300));
  const auto wrong = xen.audit();
  CHECK_MESSAGE(!wrong, wrong.value_or(""));
}

}  // namespace

TEST_CASE("a file read once makes room for the memory of processes, and nobody is swapped") {
  u64 cached_before = 0, cached_after = 0;
  const guest::UserCode program = [&](SystemCalls& calls) -> Task<> {
    guest::Kernel& kernel = calls.kernel();
    test::forget_history(calls);
    kernel.file_system().install("/big", 12 << 20, nullptr, guest::FileSystem::Residence::disk);
    const guest::Descriptor file = co_await calls.open("/big");
    const u32 buffer = co_await map(calls, 16);
    for (u32 i = 0; i < 12 << 20; i += 16 * kPage) co_await calls.read(file, buffer, 16 * kPage);
    cached_before = kernel.file_system().cache()->cached_blocks();
    const u32 wanted = kernel.pages().frames() * 3 / 4;
    const u32 start = co_await map(calls, wanted);
    REQUIRE(start != 0);
    co_await use(calls, start, wanted);
    cached_after = kernel.file_system().cache()->cached_blocks();
  };
  test::XenKernel xen{{program}, test::dell2650(), kMegabytes, &kWithSwap};
  run(xen);
  CHECK(cached_before > 2000);
  CHECK(cached_after < 1000);
  CHECK(xen.kernel().swap().counts().pages_out < 200);
  CHECK(xen.kernel().reclaim().counts().freed > 1000);
}

TEST_CASE("memory that cannot be there is refused, which frees nothing and kills nobody") {
  u32 got = 0;
  guest::Error error = guest::Error::none;
  const guest::UserCode program = [&](SystemCalls& calls) -> Task<> {
    test::forget_history(calls);
    u32 last = 1;
    while (last != 0) {
      last = co_await map(calls, 64);
      if (last != 0) co_await use(calls, last, 64);
      if (last != 0) got += 64;
    }
    error = calls.error();
  };
  test::XenKernel xen{{program}, test::dell2650(), kMegabytes, &kNoSwap};
  run(xen);
  CHECK(error == guest::Error::no_memory);
  CHECK(got > xen.kernel().pages().frames() * 3 / 4);
  CHECK(got < xen.kernel().pages().frames());
  CHECK(xen.kernel().reclaim().out_of_memory().kills() == 0);
}

TEST_CASE("swap takes what is more than the memory, in rows, and it comes back by clusters of eight pages") {
  constexpr u32 kPages = 5000;
  double per_request = 0;
  const guest::UserCode program = [&](SystemCalls& calls) -> Task<> {
    const u32 start = co_await map(calls, kPages);
    REQUIRE(start != 0);
    co_await use(calls, start, kPages);
    const guest::RequestQueue& queue = calls.kernel().find_disk("swap")->queue;
    const u64 before = queue.counts().requests[0], pages_before = calls.kernel().swap().counts().pages_in;
    co_await use(calls, start, kPages, Use::read);
    const u64 pages = calls.kernel().swap().counts().pages_in - pages_before;
    per_request = static_cast<double>(pages) / static_cast<double>(queue.counts().requests[0] - before);
  };
  test::XenKernel xen{{program}, test::dell2650(), kMegabytes, &kWithSwap};
  run(xen);
  const guest::SwapSpace::Counts& counts = xen.kernel().swap().counts();
  CHECK(counts.pages_out > kPages - xen.kernel().pages().frames());
  CHECK(counts.pages_in > 1000);
  CHECK(per_request > 4);
  CHECK(per_request <= 8);
  // Nobody is left who has any, but for pages that were being written when their process ended.
  CHECK(xen.kernel().swap().free_slots() + xen.kernel().swap().cache().size() == xen.kernel().swap().slots());
}

TEST_CASE("out of memory: after ten failures over more than a second the biggest one is killed, and the others go on") {
  bool small_done = false, big_done = false;
  double killed_after = 0;
  std::optional<u32> status;
  const auto half = [](guest::Kernel& kernel) { return kernel.pages().frames() / 2; };
  const guest::UserCode small = [&](SystemCalls& calls) -> Task<> {
    const u32 pages = half(calls.kernel()) - 200;
    const u32 start = co_await map(calls, pages);
    co_await calls.sleep(20);
    co_await use(calls, start, pages);
    co_await calls.sleep(1500);
    small_done = true;
  };
  const guest::UserCode big = [&](SystemCalls& calls) -> Task<> {
    const guest::UserCode grab = [&](SystemCalls& child) -> Task<> {
      const u32 pages = half(child.kernel()) + 200;
      const u32 start = co_await map(child, pages);
      REQUIRE(start != 0);
      co_await child.sleep(20);  // both have been promised theirs by now
      co_await use(child, start, pages);
      big_done = true;
      co_await child.pause();
    };
    const sim::Time begin = calls.machine().running().now();
    const guest::ProcessId child = co_await calls.fork(grab);
    status = co_await calls.wait(child);
    killed_after = (calls.machine().running().now() - begin).to_seconds();
  };
  test::XenKernel xen{{small, big}, test::dell2650(), kMegabytes, &kNoSwap};
  run(xen);
  CHECK(small_done);
  CHECK_FALSE(big_done);
  CHECK(status == 9u);
  CHECK(killed_after > 1.0);
  CHECK(killed_after < 8.0);
  CHECK(xen.kernel().reclaim().out_of_memory().kills() == 1);
}

TEST_CASE("a user has at most a 32nd of the memory's pages as processes; then fork fails at once") {
  u32 made = 0;
  double refusal_microseconds = 0;
  const guest::UserCode program = [&](SystemCalls& calls) -> Task<> {
    const guest::UserCode child = [](SystemCalls& of_child) -> Task<> { co_await of_child.pause(); };
    std::vector<guest::ProcessId> children;
    guest::ProcessId id = 1;
    while (id != 0) {
      const sim::Time begin = calls.machine().running().now();
      id = co_await calls.fork(child);
      refusal_microseconds = (calls.machine().running().now() - begin).to_seconds() * 1e6;
      if (id != 0) children.push_back(id);
    }
    CHECK(calls.error() == guest::Error::again);
    made = static_cast<u32>(children.size());
    for (const guest::ProcessId each : children) co_await calls.kill(each, guest::Signal::kill);
    for (const guest::ProcessId each : children) co_await calls.wait(each);
    id = co_await calls.fork(child);  // there is room again
    CHECK(id != 0);
    co_await calls.kill(id, guest::Signal::kill);
    co_await calls.wait(id);
  };
  test::XenKernel xen{{program}, test::dell2650(), 32};
  run(xen);
  CHECK(made == xen.kernel().pages().frames() / 32 - 1);
  CHECK(refusal_microseconds < 15);
}

TEST_CASE("a directory's n-th file takes time in proportion to n") {
  std::vector<double> microseconds;
  const guest::UserCode program = [&](SystemCalls& calls) -> Task<> {
    co_await calls.make_directory("/many");
    for (u32 i = 0; i <= 4000; ++i) {
      const sim::Time begin = calls.machine().running().now();
      const guest::Descriptor file = co_await calls.create("/many/" + std::to_string(i));
      microseconds.push_back((calls.machine().running().now() - begin).to_seconds() * 1e6);
      co_await calls.close(file);
      co_await calls.compute(sim::Cycles{1});  // so that interrupts come in, and the stack does not grow
    }
  };
  test::XenKernel xen{{program}, test::dell2650(), 64};
  run(xen);
  const auto mean = [&](u32 from, u32 to) {
    double sum = 0;
    for (u32 i = from; i < to; ++i) sum += microseconds[i];
    return sum / (to - from);
  };
  // The part that grows: to 1000, 2000, 4000 entries.
  const double base = mean(10, 60);
  const double first = mean(950, 1050) - base, second = mean(1950, 2050) - base, fourth = mean(3900, 4000) - base;
  CHECK(second / first == doctest::Approx(2.0).epsilon(0.15));
  CHECK(fourth / first == doctest::Approx(4.0).epsilon(0.15));
}

TEST_CASE("a domain gives memory back to the hypervisor and gets it again; with swap it becomes smaller") {
  u32 least[2] = {};
  for (const bool swap : {false, true}) {
    u32 before = 0, after = 0;
    const guest::UserCode program = [&](SystemCalls& calls) -> Task<> {
      guest::Kernel& kernel = calls.kernel();
      const u32 start = co_await map(calls, 800);
      co_await use(calls, start, 800);  // which it does not use any more
      guest::Balloon& balloon = *kernel.port().balloon();
      before = kernel.port().memory_pages() - balloon.pages();
      kernel.enter_system_call();
      co_await balloon.give_back(before);
      co_await kernel.leave_system_call();
      least[swap] = before - balloon.pages();
      kernel.enter_system_call();
      co_await balloon.take(balloon.pages());
      co_await kernel.leave_system_call();
      after = kernel.port().memory_pages() - balloon.pages();
      co_await use(calls, start, 800);
    };
    test::XenKernel xen{{program}, test::dell2650(), kMegabytes, swap ? &kWithSwap : &kNoSwap};
    run(xen);
    CHECK(before == kMegabytes * 256);
    CHECK(after == before);
    CHECK(xen.kernel().reclaim().out_of_memory().kills() == 0);
  }
  CHECK(least[0] > 800);
  CHECK(least[0] < 1600 + kMegabytes * 256 / 8);  // what its history keeps for good is at most an eighth
  CHECK(least[1] < least[0] - 700);
}

TEST_CASE("domains that lose the processor in the middle of a fork, a fault or an exit are audited as they are then") {
  model::MachineFile small = test::dell2650();
  small.memory.size = 128 << 20;
  std::vector<guest::GuestSpec> domains;
  for (const char* name : {"one", "two"}) {
    guest::GuestSpec& domain = domains.emplace_back();
    domain.name = name;
    domain.memory_bytes = 16 << 20;
    domain.disks = {{"root", 256 << 20}, {"swap", 32 << 20, guest::DiskSpec::Access::swap}};
    domain.programs = {guest::ForkBombSettings{}, guest::MemoryHogSettings{}};
  }
  guest::HostSpec spec = test::host_of(guest::System::xen, std::move(domains));
  spec.machine = &small;
  spec.drive = &test::ultrastar();
  guest::Host host{spec};
  host.boot();
  for (int i = 0; i < 400; ++i) {
    host.run_for(sim::Duration::microseconds(331));
    const auto wrong = host.audit();
    REQUIRE_MESSAGE(!wrong, wrong.value_or(""));
  }
}
