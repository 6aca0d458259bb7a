#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "support/native_kernel.h"

namespace {

using guest::ProcessId;
using guest::Signal;
using guest::SystemCalls;
using guest::u32;
using model::Task;

// What handlers and programs did, in order.
using Log = std::vector<std::string>;

// A process that the kernel makes has no stack before it executes a program; delivery needs one.
Task<> make_stack(SystemCalls& calls) {
  guest::Mapping stack;
  stack.bytes = 4096;
  stack.protection.write = true;
  stack.address = guest::kUserStackTop - 4096;
  co_await calls.map(stack);
}

}  // namespace

TEST_CASE("a handler runs before the call that sent the signal returns, as often as it is sent") {
  Log log;
  test::NativeKernel native{{[&](SystemCalls& calls) -> Task<> {
    co_await make_stack(calls);
    co_await calls.signal_action(Signal::user1, [&](SystemCalls&) -> Task<> {
      log.push_back("handler");
      co_return;
    });
    for (int i = 0; i < 3; ++i) {
      log.push_back("kill");
      CHECK(co_await calls.kill(calls.process().id, Signal::user1));
    }
    log.push_back("end");
  }}};
  native.run();
  CHECK(log == Log{"kill", "handler", "kill", "handler", "kill", "handler", "end"});
}

TEST_CASE("a signal is put off while its own handler runs, another one is not") {
  Log log;
  test::NativeKernel native{{[&](SystemCalls& calls) -> Task<> {
    co_await make_stack(calls);
    co_await calls.signal_action(Signal::child, [&](SystemCalls&) -> Task<> {
      log.push_back("child");
      co_return;
    });
    co_await calls.signal_action(Signal::user1, [&](SystemCalls& in) -> Task<> {
      log.push_back("begin");
      if (log.size() == 1) {
        co_await in.kill(in.process().id, Signal::user1);
        co_await in.kill(in.process().id, Signal::child);
      }
      log.push_back("end");
    });
    co_await calls.kill(calls.process().id, Signal::user1);
  }}};
  native.run();
  CHECK(log == Log{"begin", "child", "end", "begin", "end"});
}

TEST_CASE("what a process did not ask for ends it, and its parent learns by which signal; a child's end does not") {
  std::optional<u32> status;
  bool went_on = false;
  test::NativeKernel native{{[&](SystemCalls& calls) -> Task<> {
    co_await make_stack(calls);
    co_await calls.kill(calls.process().id, Signal::child);
    const ProcessId child = co_await calls.fork([&](SystemCalls& in) -> Task<> {
      co_await in.kill(in.process().id, Signal::user1);
      went_on = true;
    });
    status = co_await calls.wait(child);
  }}};
  native.run();
  CHECK(status == 10u);
  CHECK(!went_on);
}

TEST_CASE("a signal wakes who pauses, and killing asks whether somebody is there") {
  Log log;
  test::NativeKernel native{{[&](SystemCalls& calls) -> Task<> {
    co_await make_stack(calls);
    const ProcessId child = co_await calls.fork([&](SystemCalls& in) -> Task<> {
      co_await in.signal_action(Signal::user1, [&](SystemCalls&) -> Task<> {
        log.push_back("handler");
        co_return;
      });
      co_await in.pause();
      log.push_back("awake");
    });
    co_await calls.sleep(2);
    CHECK(log.empty());
    CHECK(co_await calls.kill(child, std::nullopt));
    CHECK(co_await calls.kill(child, Signal::user1));
    co_await calls.wait(child);
    CHECK(!co_await calls.kill(child, std::nullopt));
    CHECK(!co_await calls.kill(child, Signal::user1));
  }}};
  native.run();
  CHECK(log == Log{"handler", "awake"});
}

TEST_CASE("a store that no page allows is made again after the handler of the fault has made it possible") {
  int faults = 0;
  bool stored = false;
  test::NativeKernel native{{[&](SystemCalls& calls) -> Task<> {
    co_await make_stack(calls);
    guest::Mapping mapping;
    mapping.bytes = 4096;
    const u32 page = co_await calls.map(mapping);
    co_await calls.signal_action(Signal::segmentation, [&, page](SystemCalls& in) -> Task<> {
      if (++faults == 3) co_await in.protect(page, 4096, {.write = true});
    });
    co_await calls.access({.first = page, .bytes = 4, .use = model::Use::write});
    stored = true;
  }}};
  native.run();
  CHECK(faults == 3);
  CHECK(stored);
}

TEST_CASE("delivery writes its frame to the user's stack, where a page comes to be") {
  u32 before = 0, after = 0;
  test::NativeKernel native{{[&](SystemCalls& calls) -> Task<> {
    co_await make_stack(calls);
    co_await calls.signal_action(Signal::user1, [](SystemCalls&) -> Task<> { co_return; });
    before = calls.process().space->present_pages;
    co_await calls.kill(calls.process().id, Signal::user1);
    after = calls.process().space->present_pages;
  }}};
  native.run();
  CHECK(after == before + 1);
}
