#include <doctest/doctest.h>

#include <map>
#include <string>

#include "support/native_kernel.h"
#include "workloads/ports/vmware/lone_machine.h"

namespace {

using guest::SystemCalls;
using guest::u32;
using model::Task;
using sim::Duration;
using VmwareKernel = test::KernelOn<guest::LoneMachine, guest::System::vmware>;

constexpr u32 kPage = 4096;

// What happened in the monitor between two moments of a program.
class Events {
 public:
  explicit Events(SystemCalls& calls) : port_{dynamic_cast<guest::VmwarePort&>(calls.kernel().port())}, start_{now()} {}
  std::int64_t operator[](const std::string& name) const {
    return now().at("vmware." + name) - start_.at("vmware." + name);
  }

 private:
  std::map<std::string, std::int64_t> now() const {
    std::map<std::string, std::int64_t> result;
    std::vector<guest::Metric> metrics;
    port_.add_metrics("vmware", "kernel", metrics);
    for (const guest::Metric& metric : metrics) result[metric.name] = metric.value;
    return result;
  }
  const guest::VmwarePort& port_;
  std::map<std::string, std::int64_t> start_;
};

// Runs one program, which measures; and then the audit.
void run(guest::UserCode program) {
  VmwareKernel vmware{{std::move(program)}};
  vmware.run();
  CHECK(vmware.port().audit() == std::nullopt);
}

Task<u32> anonymous(SystemCalls& calls, u32 pages) {
  return calls.map({.bytes = pages * kPage, .protection = {.write = true}});
}

Task<> touch(SystemCalls& calls, u32 address, u32 pages, model::Use use) {
  return calls.access(model::Sweep{address, pages * kPage, use});
}

// Cycles from here to there, of whoever runs.
std::int64_t cycles(SystemCalls& calls) { return calls.machine().running().cycles().count(); }

}  // namespace

TEST_CASE("vmware: what is written to a page in high memory reaches no page table, whatever its number") {
  run([](SystemCalls& calls) -> Task<> {
    guest::Kernel& kernel = calls.kernel();
    const u32 low = kernel.pages().frames(guest::PageUse::kernel);
    kernel.enter_system_call();
    const guest::GuestFrame high{kernel.current().space->directory.number() + low};
    REQUIRE(high.number() < kernel.pages().first().number() + kernel.pages().frames());
    CHECK(!kernel.pages().low(high));
    const Events events{calls};
    co_await kernel.objects().use_contents(high, 0, kPage, model::Use::write);
    CHECK(events["traced_writes"] == 0);
    co_await kernel.leave_system_call();
  });
}

TEST_CASE("vmware: a system call is one transition, and nothing else once its code and data are mapped") {
  run([](SystemCalls& calls) -> Task<> {
    co_await calls.parent_id();
    const Events events{calls};
    for (int i = 0; i < 10; ++i) co_await calls.parent_id();
    CHECK(events["transitions"] == 10);
    CHECK(events["true_faults"] == 0);
    CHECK(events["hidden_faults"] == 0);
    CHECK(events["traced_writes"] == 0);
    CHECK(events["address_space_loads"] == 0);
    CHECK(events["world_switches"] == 0);
  });
}

TEST_CASE(
    "vmware: a page fault is one fault passed on, one traced write and a hidden fault for it, and one for a page of "
    "records") {
  run([](SystemCalls& calls) -> Task<> {
    const u32 memory = co_await anonymous(calls, 16);
    co_await touch(calls, memory, 4, model::Use::write);  // makes the table, and maps the kernel's paths
    const Events events{calls};
    co_await touch(calls, memory + 4 * kPage, 8, model::Use::write);
    CHECK(events["true_faults"] == 8);
    CHECK(events["traced_writes"] == 8);
    // One for each page; the records of some lie in the same page of mem_map, how many is for the history to say.
    CHECK(events["hidden_faults"] > 8);
    CHECK(events["hidden_faults"] <= 16);
    CHECK(events["address_space_loads"] == 0);
    const Events again{calls};
    co_await touch(calls, memory, 12, model::Use::write);
    CHECK(again["true_faults"] + again["hidden_faults"] == 0);
  });
}

TEST_CASE("vmware: an unmap is one traced write for each page that was there, and one load of the address space") {
  run([](SystemCalls& calls) -> Task<> {
    const u32 memory = co_await anonymous(calls, 64);
    co_await touch(calls, memory + 60 * kPage, 4, model::Use::write);  // the table outlives what is unmapped
    co_await touch(calls, memory, 8, model::Use::write);
    const Events events{calls};
    co_await calls.unmap(memory, 32 * kPage);
    CHECK(events["traced_writes"] == 8);
    CHECK(events["address_space_loads"] == 1);
    CHECK(events["true_faults"] == 0);
  });
}

TEST_CASE(
    "vmware: fork stores the child's entries untraced, and the parent's traced, once for each that loses a right") {
  run([](SystemCalls& calls) -> Task<> {
    const u32 memory = co_await anonymous(calls, 32);
    co_await touch(calls, memory, 20, model::Use::write);
    // A warm-up, after which the stack is mapped and everything else is as it will be.
    co_await calls.wait(co_await calls.fork([](SystemCalls&) -> Task<> { co_return; }));
    co_await touch(calls, memory, 20, model::Use::write);  // writable again
    const Events events{calls};
    const guest::ProcessId child = co_await calls.fork([memory](SystemCalls& child_calls) -> Task<> {
      const Events in_child{child_calls};
      co_await touch(child_calls, memory, 20, model::Use::read);
      CHECK(in_child["true_faults"] == 0);
      CHECK(in_child["hidden_faults"] == 20);  // native has mapped all of them already
    });
    CHECK(events["traced_writes"] == 20);
    CHECK(events["address_space_loads"] == 1);  // the flush; the child has not run yet
    co_await calls.wait(child);
    CHECK(events["address_space_loads"] >= 3);  // there and back
  });
}

TEST_CASE(
    "vmware: a child of fork has no shadows: a hidden fault for each page of the kernel's that it uses, some seventy") {
  run([](SystemCalls& calls) -> Task<> {
    const auto child = [](SystemCalls&) -> Task<> { co_return; };
    co_await calls.wait(co_await calls.fork(child));
    const Events events{calls};
    co_await calls.wait(co_await calls.fork(child));
    CHECK(events["hidden_faults"] > 50);
    CHECK(events["hidden_faults"] < 100);
  });
}

TEST_CASE(
    "vmware: a switch between two processes whose tables are in the shadow cache is one load, with no hidden faults") {
  run([](SystemCalls& calls) -> Task<> {
    const auto there = co_await calls.pipe(), back = co_await calls.pipe();
    const u32 memory = co_await test::buffer(calls, kPage);
    constexpr int kRounds = 20;
    const guest::ProcessId child = co_await calls.fork([=](SystemCalls& other) -> Task<> {
      for (int i = 0; i < kRounds; ++i) {
        co_await other.read(there.read, memory, 1);
        co_await other.write(back.write, memory, 1);
      }
    });
    for (int i = 0; i < kRounds - 10; ++i) {
      co_await calls.write(there.write, memory, 1);
      co_await calls.read(back.read, memory, 1);
    }
    const Events events{calls};
    for (int i = 0; i < 9; ++i) {
      co_await calls.write(there.write, memory, 1);
      co_await calls.read(back.read, memory, 1);
    }
    CHECK(events["address_space_loads"] == 18);
    CHECK(events["hidden_faults"] == 0);
    CHECK(events["transitions"] >= 36);
    co_await calls.write(there.write, memory, 1);
    co_await calls.read(back.read, memory, 1);
    co_await calls.wait(child);
  });
}

TEST_CASE("vmware: a null call takes longer than on bare hardware, and a page fault much longer") {
  const auto measure = [](auto& kernel_maker) {
    std::pair<std::int64_t, std::int64_t> result;
    kernel_maker([&result](SystemCalls& calls) -> Task<> {
      co_await calls.parent_id();
      std::int64_t start = cycles(calls);
      for (int i = 0; i < 100; ++i) co_await calls.parent_id();
      result.first = (cycles(calls) - start) / 100;
      const u32 memory = co_await anonymous(calls, 300);
      co_await touch(calls, memory, 100, model::Use::write);
      start = cycles(calls);
      co_await touch(calls, memory + 100 * kPage, 100, model::Use::write);
      result.second = (cycles(calls) - start) / 100;
    });
    return result;
  };
  auto on_native = [](guest::UserCode code) { test::NativeKernel{{std::move(code)}}.run(); };
  auto on_vmware = [](guest::UserCode code) { VmwareKernel{{std::move(code)}}.run(); };
  const auto native = measure(on_native), vmware = measure(on_vmware);
  MESSAGE("null call ", native.first, " and ", vmware.first, " cycles; page fault ", native.second, " and ",
          vmware.second);
  CHECK(vmware.first > native.first + 500);
  CHECK(vmware.first < 3 * native.first);
  CHECK(vmware.second > native.second + 15'000);
}

TEST_CASE("vmware: a computing process loses less than 3 % against bare hardware") {
  const auto useful = [](guest::System system) {
    guest::Host host{test::host_of(system, {test::computing_guest("a")})};
    host.boot();
    host.run_for(Duration::seconds(1));
    CHECK(!host.audit());
    CHECK(test::count_of(host, "kernel.ticks") == 100);
    return static_cast<double>(host.useful_cycles(0));
  };
  const double native = useful(guest::System::native), vmware = useful(guest::System::vmware);
  MESSAGE("loses ", 100 * (1 - vmware / native), " %");
  CHECK(vmware < native);
  CHECK(vmware > 0.97 * native);
}

TEST_CASE("vmware: an idle guest wakes up for its ticks, each a world switch") {
  VmwareKernel vmware{{[](SystemCalls& calls) -> Task<> {
    co_await calls.sleep(1);
    const Events events{calls};
    const std::int64_t start = cycles(calls);
    co_await calls.sleep(50);
    CHECK(events["world_switches"] == 50);
    CHECK(events["port_accesses"] == 150);
    CHECK(cycles(calls) - start > 50 * 24'000'000 - 500'000);  // 10 ms each
    CHECK(cycles(calls) - start < 50 * 24'000'000 + 500'000);
  }}};
  vmware.run();
}

TEST_CASE("vmware: the same host gives the same fingerprint") {
  const auto run = [] {
    guest::Host host{test::host_of(guest::System::vmware, {test::computing_guest("a"), test::computing_guest("b")})};
    host.boot();
    host.run_for(Duration::milliseconds(300));
    return host.fingerprint();
  };
  CHECK(run() == run());
}
