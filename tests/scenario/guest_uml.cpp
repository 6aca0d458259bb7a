#include <doctest/doctest.h>

#include <map>
#include <string>

#include "support/native_kernel.h"
#include "workloads/ports/uml/uml_port.h"

namespace {

using guest::SystemCalls;
using guest::u32;
using guest::u64;
using model::Task;
using sim::Duration;
using UmlKernel = test::KernelOn<guest::UmlPort, guest::System::uml>;

constexpr u32 kPage = 4096;
constexpr u32 kSlots = 768;  // of 4 MB, below 3 GB

// What happened in the host between two moments of a program.
class Events {
 public:
  explicit Events(SystemCalls& calls) : port_{dynamic_cast<guest::UmlPort&>(calls.kernel().port())}, start_{now()} {}
  std::int64_t operator[](const std::string& name) const { return now().at("uml." + name) - start_.at("uml." + name); }
  std::int64_t requests() const { return (*this)["maps"] + (*this)["live_unmaps"] + (*this)["empty_unmaps"]; }

 private:
  std::map<std::string, std::int64_t> now() const {
    std::map<std::string, std::int64_t> result;
    std::vector<guest::Metric> metrics;
    port_.add_metrics(metrics);
    for (const guest::Metric& metric : metrics) result[metric.name] = metric.value;
    return result;
  }
  const guest::UmlPort& port_;
  std::map<std::string, std::int64_t> start_;
};

// Runs one program, which measures; and then the audit.
void run(guest::UserCode program) {
  UmlKernel uml{{std::move(program)}};
  uml.run();
  CHECK(uml.port().audit() == std::nullopt);
}

Task<u32> anonymous(SystemCalls& calls, u32 pages) {
  guest::Mapping mapping;
  mapping.bytes = pages * kPage;
  mapping.protection = {.write = true};
  return calls.map(mapping);
}

Task<> touch(SystemCalls& calls, u32 address, u32 pages, model::Use use) {
  return calls.access(model::Sweep{address, pages * kPage, use});
}

}  // namespace

TEST_CASE("uml: a system call stops user code twice, which is four switches and nine host calls") {
  run([](SystemCalls& calls) -> Task<> {
    co_await calls.parent_id();
    const Events events{calls};
    co_await calls.parent_id();
    CHECK(events["switches"] == 4);
    CHECK(events["calls"] == 9);
    CHECK(events["signal_masks"] == 0);
    CHECK(events.requests() == 0);
  });
}

TEST_CASE("uml: a first touch is one stop, an unmap of nothing, a map, and a minor fault of the host") {
  run([](SystemCalls& calls) -> Task<> {
    const u32 memory = co_await anonymous(calls, 8);
    co_await touch(calls, memory, 1, model::Use::write);  // makes the table
    const Events events{calls};
    co_await touch(calls, memory + kPage, 1, model::Use::write);
    CHECK(events["switches"] == 2);
    CHECK(events["calls"] == 7);
    CHECK(events["maps"] == 1);
    CHECK(events["empty_unmaps"] == 1);
    CHECK(events["live_unmaps"] == 0);
    CHECK(events["minor_faults"] == 1);
    const Events again{calls};
    co_await touch(calls, memory + kPage, 1, model::Use::write);
    CHECK(again["switches"] == 0);
    CHECK(again["minor_faults"] == 0);
  });
}

TEST_CASE("uml: a copy on write unmaps what was mapped and maps the copy") {
  run([](SystemCalls& calls) -> Task<> {
    const u32 memory = co_await anonymous(calls, 4);
    co_await touch(calls, memory, 2, model::Use::read);  // the page of zeros
    const Events events{calls};
    co_await touch(calls, memory, 1, model::Use::write);
    CHECK(events["switches"] == 2);
    CHECK(events["live_unmaps"] == 1);
    CHECK(events["maps"] == 1);
    CHECK(events["minor_faults"] == 1);
  });
}

TEST_CASE("uml: munmap costs one request for each page that was there, whatever the size of the area") {
  run([](SystemCalls& calls) -> Task<> {
    const u32 memory = co_await anonymous(calls, 512);
    co_await touch(calls, memory, 3, model::Use::write);
    const Events events{calls};
    co_await calls.unmap(memory, 512 * kPage);
    CHECK(events["live_unmaps"] == 3);
    CHECK(events["maps"] == 0);
    CHECK(events["empty_unmaps"] == 0);
  });
}

TEST_CASE("uml: a change of rights maps each present page anew, and the host faults it in again") {
  run([](SystemCalls& calls) -> Task<> {
    const u32 memory = co_await anonymous(calls, 8);
    co_await touch(calls, memory, 5, model::Use::write);
    const Events events{calls};
    co_await calls.protect(memory, 8 * kPage, {});
    CHECK(events["live_unmaps"] == 5);
    CHECK(events["maps"] == 5);
    const Events reads{calls};
    co_await touch(calls, memory, 5, model::Use::read);
    CHECK(reads["switches"] == 0);
    CHECK(reads["minor_faults"] == 5);
  });
}

TEST_CASE("uml: a fork's child forces the host to go through all of its 3 GB, page by page where it has tables") {
  run([](SystemCalls& calls) -> Task<> {
    const u32 memory = co_await anonymous(calls, 100);
    co_await touch(calls, memory, 100, model::Use::write);
    const std::int64_t tables = static_cast<std::int64_t>(calls.process().space->tables.size());
    const std::int64_t pages = calls.process().space->present_pages;
    const Events events{calls};
    const guest::ProcessId child =
        co_await calls.fork([](SystemCalls& in_child) -> Task<> { co_await in_child.pause(); });
    // The parent: each writable page again, and the sweep of the kernel's own range.
    CHECK(events["live_unmaps"] == 100);
    CHECK(events["maps"] == 100);
    CHECK(events["calls"] >= 2 * 1024 + 2 + 9);
    const Events run{calls};
    co_await calls.sleep(2);
    CHECK(run["empty_unmaps"] == kSlots - tables + 1024 * tables);
    CHECK(run["maps"] == pages);
    co_await calls.kill(child, guest::Signal::kill);
    CHECK((co_await calls.wait(child)).has_value());
  });
}

TEST_CASE("uml: pages of a fork's child are old, which an i386 lets it read, but not write") {
  run([](SystemCalls& calls) -> Task<> {
    const u32 memory = co_await anonymous(calls, 10);
    co_await touch(calls, memory, 10, model::Use::write);
    const guest::ProcessId child = co_await calls.fork([memory](SystemCalls& in_child) -> Task<> {
      const Events reads{in_child};
      co_await touch(in_child, memory, 10, model::Use::read);
      CHECK(reads["switches"] == 0);
      CHECK(reads["minor_faults"] == 10);
      const Events writes{in_child};
      co_await touch(in_child, memory, 10, model::Use::write);
      CHECK(writes["switches"] == 20);
      CHECK(writes["live_unmaps"] == 10);
      CHECK(writes["maps"] == 10);
    });
    CHECK(co_await calls.wait(child) == 0u);
    const Events events{calls};
    co_await touch(calls, memory, 10, model::Use::write);  // it is the only user now, and keeps its pages
    CHECK(events["switches"] == 20);
  });
}

TEST_CASE("uml: interrupts off and on again are four changes of the signal mask, without saving their state two") {
  run([](SystemCalls& calls) -> Task<> {
    const auto& paths = calls.kernel().paths();
    REQUIRE(paths.system_call.interrupt_pairs == 0);
    REQUIRE(paths.signal_action.interrupt_pairs == 1);
    REQUIRE(paths.signal_action.plain_pairs == 1);
    co_await calls.signal_action(guest::Signal::user1, {});
    const Events action{calls};
    co_await calls.signal_action(guest::Signal::user1, {});
    CHECK(action["signal_masks"] == 2 + 2);  // and two copies
    CHECK(action["switches"] == 4);

    REQUIRE(paths.signal_send.interrupt_pairs == 2);
    REQUIRE(paths.signal_send.plain_pairs == 0);
    const guest::ProcessId own = calls.process().id;
    co_await calls.kill(own, std::nullopt);
    const Events events{calls};
    co_await calls.kill(own, std::nullopt);
    const std::int64_t nothing = events["signal_masks"];
    co_await calls.kill(own, guest::Signal::child);  // which is ignored
    CHECK(events["signal_masks"] - nothing == nothing + 2 * 4);
  });
}

TEST_CASE("uml: a page that is taken is written to under the fault catcher, one change of the signal mask more") {
  run([](SystemCalls& calls) -> Task<> {
    const u32 memory = co_await anonymous(calls, 8);
    co_await touch(calls, memory, 1, model::Use::write);  // makes the table
    const Events events{calls};
    co_await touch(calls, memory + kPage, 1, model::Use::write);
    const auto& paths = calls.kernel().paths();
    REQUIRE(paths.page_fault.interrupt_pairs + paths.fault_zero.interrupt_pairs == 0);
    CHECK(events["signal_masks"] == 4 * paths.page_allocate.interrupt_pairs + 1);
  });
}

TEST_CASE("uml: a switch to a process that waits in a pipe changes the signal mask twenty times") {
  run([](SystemCalls& calls) -> Task<> {
    const auto there = co_await calls.pipe(), back = co_await calls.pipe();
    const u32 memory = co_await anonymous(calls, 1);
    co_await touch(calls, memory, 1, model::Use::write);
    constexpr int kRounds = 8;
    const guest::ProcessId child = co_await calls.fork([=](SystemCalls& other) -> Task<> {
      for (int i = 0; i < kRounds + 2; ++i) {
        co_await other.read(there.read, memory, 1);
        co_await other.write(back.write, memory, 1);
      }
    });
    const auto round = [&]() -> Task<> {
      co_await calls.write(there.write, memory, 1);
      co_await calls.read(back.read, memory, 1);
    };
    co_await round();
    const Events events{calls};
    for (int i = 0; i < kRounds; ++i) co_await round();
    // Each way: two copies; woken, 8; onto the queue and off it, 8; the run queue's lock, 2; from stack to stack, 2.
    CHECK(events["signal_masks"] == 2 * kRounds * (2 + 8 + 8 + 2 + 2));
    CHECK(events["calls"] == 2 * kRounds * (2 * 9 + 1));
    co_await round();
    co_await calls.wait(child);
  });
}

TEST_CASE(
    "uml: one host call is what a native call that does little takes, one change of the signal mask a sigaction") {
  Duration zero, null, action;
  const auto measure = [&](SystemCalls& calls) -> Task<> {
    constexpr int kTimes = 100;
    const u32 memory = co_await anonymous(calls, 1);
    co_await touch(calls, memory, 1, model::Use::write);
    const guest::Descriptor zeros = co_await calls.open("/dev/zero"), nothing = co_await calls.open("/dev/null");
    for (int warm = 0; warm < 2; ++warm) {
      sim::Time start = calls.kernel().cpu().now();
      for (int i = 0; i < kTimes; ++i) co_await calls.read(zeros, memory, 1);
      zero = (calls.kernel().cpu().now() - start) / kTimes;
      start = calls.kernel().cpu().now();
      for (int i = 0; i < kTimes; ++i) co_await calls.write(nothing, memory, 1);
      null = (calls.kernel().cpu().now() - start) / kTimes;
      start = calls.kernel().cpu().now();
      for (int i = 0; i < kTimes; ++i) co_await calls.signal_action(guest::Signal::user1, {});
      action = (calls.kernel().cpu().now() - start) / kTimes;
    }
  };
  test::NativeKernel native{{measure}};
  native.run();
  UmlKernel uml{{[](SystemCalls& calls) -> Task<> { co_await calls.parent_id(); }}};
  const guest::HostKernel::Prices& prices = uml.port().host().prices();
  const auto nanoseconds = [&](sim::Cycles cycles) {
    return static_cast<double>(uml.machine().clock().time_of(cycles).since_start().nanoseconds());
  };
  MESSAGE("null I/O " << (zero + null).nanoseconds() / 2 << " ns, sigaction " << action.nanoseconds());
  CHECK(nanoseconds(prices.call) == doctest::Approx((zero + null).nanoseconds() / 2.0).epsilon(0.1));
  CHECK(nanoseconds(prices.signal_mask) == doctest::Approx(action.nanoseconds()).epsilon(0.1));
}

TEST_CASE("uml: one process after another has its memory to itself, and all of them end") {
  run([](SystemCalls& calls) -> Task<> {
    const u32 memory = co_await anonymous(calls, 4);
    co_await touch(calls, memory, 4, model::Use::write);
    for (int i = 0; i < 20; ++i) {
      const guest::ProcessId child = co_await calls.fork(
          [memory](SystemCalls& in_child) -> Task<> { co_await touch(in_child, memory, 2, model::Use::write); });
      CHECK(co_await calls.wait(child) == 0u);
    }
  });
}

TEST_CASE("uml: a handler runs in user mode and the interrupted program goes on where it was") {
  run([](SystemCalls& calls) -> Task<> {
    guest::Mapping stack;
    stack.bytes = kPage;
    stack.protection = {.write = true};
    stack.address = guest::kUserStackTop - kPage;
    co_await touch(calls, co_await calls.map(stack), 1, model::Use::write);
    int handled = 0;
    co_await calls.signal_action(guest::Signal::user1, [&](SystemCalls&) -> Task<> {
      ++handled;
      co_return;
    });
    const Events events{calls};
    co_await calls.kill(calls.process().id, guest::Signal::user1);
    CHECK(handled == 1);
    CHECK(events["switches"] == 8);           // the call, and sigreturn
    CHECK(events["calls"] == 2 * 9 + 2 + 2);  // the state of the FPU there and back
  });
}

TEST_CASE("uml: a computing guest has nearly all of the CPU, and its ticks") {
  guest::Host host{test::host_of(guest::System::uml, {test::computing_guest("a")})};
  host.boot();
  host.run_for(Duration::seconds(2));
  const std::int64_t all = 2 * 2'400'000'000ll;
  CHECK(host.useful_cycles(0) > all * 97 / 100);
  CHECK(host.useful_cycles(0) < all);
  const std::int64_t ticks = test::count_of(host, "kernel.ticks");  // one more or less, as boot ends within a tick
  CHECK(ticks >= 199);
  CHECK(ticks <= 201);
  CHECK(!host.audit());
}

TEST_CASE("uml: a guest that sleeps leaves the CPU idle and still keeps the time") {
  UmlKernel uml{{[](SystemCalls& calls) -> Task<> {
    const Events events{calls};
    const sim::Time start = calls.kernel().cpu().now();
    co_await calls.sleep(50);
    const Duration slept = calls.kernel().cpu().now() - start;
    CHECK(slept > Duration::milliseconds(480));
    CHECK(slept < Duration::milliseconds(520));
    CHECK(events["switches"] == 4);
  }}};
  uml.run();
}

TEST_CASE("uml: the same guest gives the same fingerprint") {
  const auto run_once = [] {
    guest::Host host{test::host_of(guest::System::uml, {test::computing_guest("a"), test::computing_guest("b")})};
    host.boot();
    host.run_for(Duration::milliseconds(300));
    return host.fingerprint();
  };
  CHECK(run_once() == run_once());
}
