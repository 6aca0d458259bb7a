// alarm, select with a time, record locks, and writes of several pieces.
#include <doctest/doctest.h>

#include <array>
#include <string>
#include <vector>

#include "support/native_kernel.h"

namespace {

using guest::Descriptor;
using guest::Piece;
using guest::Signal;
using guest::SystemCalls;
using guest::u32;
using model::Task;

using Log = std::vector<std::string>;
constexpr u32 kPage = 4096;

// Signals need a stack, which a process of the kernel's own making has not.
Task<> make_stack(SystemCalls& calls) {
  co_await calls.map({.bytes = kPage, .protection = {.write = true}, .address = guest::kUserStackTop - kPage});
}

}  // namespace

TEST_CASE("an alarm interrupts a pause after its seconds, and a second one takes the place of the first") {
  Log log;
  test::NativeKernel host{{[&](SystemCalls& calls) -> Task<> {
    co_await make_stack(calls);
    co_await calls.signal_action(Signal::alarm, [&](SystemCalls&) -> Task<> {
      log.push_back("alarm");
      co_return;
    });
    const guest::u64 begin = calls.kernel().ticks();
    CHECK(co_await calls.alarm(100) == 0);
    CHECK(co_await calls.alarm(2) == 100);
    co_await calls.pause();
    CHECK(calls.kernel().ticks() - begin >= 200);
    CHECK(calls.kernel().ticks() - begin <= 202);
    CHECK(co_await calls.alarm(1) == 0);
    CHECK(co_await calls.alarm(0) == 1);
    co_await calls.sleep(150);
    log.push_back("end");
  }}};
  host.run();
  CHECK(log == Log{"alarm", "end"});
}

TEST_CASE("an alarm that nobody handles ends the process, and one of a dead process does not ring") {
  test::NativeKernel host{{[&](SystemCalls& calls) -> Task<> {
    const auto child = co_await calls.fork([](SystemCalls& own) -> Task<> {
      co_await own.alarm(1);
      co_await own.pause();
    });
    CHECK(co_await calls.wait(child) == static_cast<u32>(Signal::alarm));
    const auto gone = co_await calls.fork([](SystemCalls& own) -> Task<> { co_await own.alarm(1); });
    CHECK(co_await calls.wait(gone) == 0);
    co_await calls.sleep(200);
  }}};
  host.run();
}

TEST_CASE("select waits for what it is asked for, or for its time") {
  Log log;
  test::NativeKernel host{{[&](SystemCalls& calls) -> Task<> {
    const u32 buffer = co_await test::buffer(calls, kPage);
    const Descriptor file = co_await calls.open("/dev/zero");
    CHECK(co_await calls.select({&file, 1}, false, 100) == 1);  // at once
    const guest::u64 begin = calls.kernel().ticks();
    const Descriptor none = co_await calls.tcp_socket();
    CHECK(co_await calls.select({&none, 1}, false, 30) == 0);
    CHECK(calls.kernel().ticks() - begin >= 30);
    CHECK(calls.kernel().ticks() - begin <= 32);
    CHECK(co_await calls.read(file, buffer, 1) == 1);
  }}};
  host.run();
}

TEST_CASE("a record lock is had by one process at a time, in the order in which they asked") {
  Log log;
  test::NativeKernel host{{[&](SystemCalls& calls) -> Task<> {
    const Descriptor file = co_await calls.create("/log");
    CHECK(co_await calls.lock_file(file));
    std::array<guest::ProcessId, 2> children{};
    for (std::size_t i = 0; i < children.size(); ++i) {
      const guest::UserCode code = [&log, file, i](SystemCalls& own) -> Task<> {
        co_await own.sleep(1 + i);
        CHECK(co_await own.lock_file(file));
        log.push_back("child " + std::to_string(i));
        co_await own.sleep(5);
        log.push_back("done " + std::to_string(i));
        CHECK(co_await own.unlock_file(file));
      };
      children[i] = co_await calls.fork(code);
    }
    co_await calls.sleep(10);
    log.push_back("parent");
    CHECK(co_await calls.unlock_file(file));
    for (const guest::ProcessId child : children) co_await calls.wait(child);
    CHECK(!co_await calls.lock_file(99));
  }}};
  host.run();
  CHECK(log == Log{"parent", "child 0", "done 0", "child 1", "done 1"});
}

TEST_CASE("pieces of memory are one write: their bytes are there, one behind the other") {
  test::NativeKernel host{{[&](SystemCalls& calls) -> Task<> {
    const u32 buffer = co_await test::buffer(calls, 4 * kPage);
    const std::array<Piece, 3> pieces{{{buffer, 100}, {buffer + kPage, 2 * kPage}, {buffer, 1}}};
    const Descriptor file = co_await calls.create("/file");
    CHECK(co_await calls.write(file, pieces) == 101 + 2 * kPage);
    CHECK((co_await calls.status(file))->bytes == 101 + 2 * kPage);
    CHECK(co_await calls.write(77, pieces) == 0);
  }}};
  host.run();
}
