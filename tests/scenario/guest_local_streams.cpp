// Processes of one kernel that talk to each other: stream sockets of the Unix domain, select with a time, semaphores,
// shared memory, children that are gone; and names that are listed and changed.
#include <doctest/doctest.h>

#include "support/native_kernel.h"
#include "workloads/kernel/shared_memory.h"

namespace {

using guest::Descriptor;
using guest::SystemCalls;
using hv::u32;

constexpr u32 kBuffer = 0x20000000, kBufferBytes = 1 << 20;

model::Task<> map_buffer(SystemCalls& calls) {
  co_await calls.map(
      {.bytes = kBufferBytes, .protection = {.read = true, .write = true, .execute = false}, .address = kBuffer});
  // And a stack, for the frames of signals.
  constexpr u32 kStackBytes = hv::kPageSize;
  co_await calls.map({.bytes = kStackBytes,
                      .protection = {.read = true, .write = true, .execute = false},
                      .address = guest::kUserStackTop - kStackBytes});
}

}  // namespace

TEST_CASE("what a client writes the server reads in order, and the end of the connection after it") {
  std::vector<u32> read;
  u32 echoed = 0;
  test::NativeKernel native{{[&](SystemCalls& calls) -> model::Task<> {
    co_await map_buffer(calls);
    const Descriptor listener = co_await calls.local_listen("/tmp/.socket");
    const guest::ProcessId server = co_await calls.fork([&, listener](SystemCalls& in) -> model::Task<> {
      const Descriptor connection = co_await in.accept(listener);
      u32 got = 1;
      while (got > 0) {
        got = co_await in.read(connection, kBuffer, 4096);
        read.push_back(got);
        if (got == 100) co_await in.write(connection, kBuffer, 7);
      }
    });
    const Descriptor connection = co_await calls.local_connect("/tmp/.socket");
    REQUIRE(connection >= 0);
    co_await calls.write(connection, kBuffer, 100);
    echoed = co_await calls.read(connection, kBuffer, 4096);
    co_await calls.write(connection, kBuffer, 6000);
    co_await calls.close(connection);
    co_await calls.wait(server);
  }}};
  native.run();
  CHECK(read == std::vector<u32>{100, 4096, 1904, 0});
  CHECK(echoed == 7);
}

TEST_CASE("nobody listens: no connection; a reader that is gone: nothing is written") {
  Descriptor nobody = 0, closed = 0;
  u32 written = 99;
  test::NativeKernel native{{[&](SystemCalls& calls) -> model::Task<> {
    co_await map_buffer(calls);
    nobody = co_await calls.local_connect("/tmp/.socket");
    const Descriptor listener = co_await calls.local_listen("/tmp/.socket");
    const Descriptor connection = co_await calls.local_connect("/tmp/.socket");
    const Descriptor accepted = co_await calls.accept(listener);
    co_await calls.close(accepted);
    written = co_await calls.write(connection, kBuffer, 10);
    co_await calls.close(listener);
    closed = co_await calls.local_connect("/tmp/.socket");
  }}};
  native.run();
  CHECK(nobody < 0);
  CHECK(written == 0);
  CHECK(closed < 0);
}

TEST_CASE("a writer waits when 64 kB are unread, and goes on as they are read") {
  u32 read = 0;
  test::NativeKernel native{{[&](SystemCalls& calls) -> model::Task<> {
    co_await map_buffer(calls);
    const Descriptor listener = co_await calls.local_listen("/tmp/.socket");
    const guest::ProcessId server = co_await calls.fork([&, listener](SystemCalls& in) -> model::Task<> {
      const Descriptor connection = co_await in.accept(listener);
      co_await in.sleep(3);
      u32 got = 1;
      while (got > 0) {
        got = co_await in.read(connection, kBuffer, 10'000);
        read += got;
      }
    });
    const Descriptor connection = co_await calls.local_connect("/tmp/.socket");
    const u32 all = co_await calls.write(connection, kBuffer, 200'000);
    CHECK(all == 200'000);
    co_await calls.close(connection);
    co_await calls.wait(server);
  }}};
  native.run();
  CHECK(read == 200'000);
  CHECK(native.kernel().ticks() >= 3);
}

TEST_CASE("select waits for data, for its time, or for a signal") {
  u32 in_time = 9, with_data = 9, with_signal = 9;
  hv::u64 slept = 0;
  test::NativeKernel native{{[&](SystemCalls& calls) -> model::Task<> {
    co_await map_buffer(calls);
    const SystemCalls::PipeEnds pipe = co_await calls.pipe();
    const std::array files{pipe.read};
    const hv::u64 begin = calls.kernel().ticks();
    in_time = co_await calls.select(files, false, 5);
    slept = calls.kernel().ticks() - begin;
    const guest::ProcessId writer = co_await calls.fork([pipe](SystemCalls& in) -> model::Task<> {
      co_await in.sleep(2);
      co_await in.write(pipe.write, kBuffer, 1);
    });
    with_data = co_await calls.select(files, false, std::nullopt);
    co_await calls.wait(writer);
    co_await calls.read(pipe.read, kBuffer, 1);
    co_await calls.signal_action(guest::Signal::child, [](SystemCalls& in) -> model::Task<> {
      std::optional<guest::ProcessId> child;
      do {
        child = co_await in.take_dead_child();
      } while (child);
    });
    co_await calls.fork([](SystemCalls& in) -> model::Task<> { co_await in.sleep(2); });
    with_signal = co_await calls.select(files, false, std::nullopt);
    CHECK(calls.process().children.empty());  // the handler has asked for it
  }}};
  native.run();
  CHECK(in_time == 0);
  CHECK(slept >= 5);
  CHECK(slept <= 7);
  CHECK(with_data == 1);
  CHECK(with_signal == 0);
}

TEST_CASE("a semaphore lets as many go on as it was given, and the others one by one") {
  std::vector<char> order;
  test::NativeKernel native{{[&](SystemCalls& calls) -> model::Task<> {
    const u32 semaphore = co_await calls.semaphore(1);
    co_await calls.semaphore_add(semaphore, -1);
    order.push_back('a');
    const guest::ProcessId other = co_await calls.fork([&, semaphore](SystemCalls& in) -> model::Task<> {
      co_await in.semaphore_add(semaphore, -1);
      order.push_back('c');
    });
    co_await calls.sleep(3);
    order.push_back('b');
    co_await calls.semaphore_add(semaphore, 1);
    co_await calls.wait(other);
    CHECK(calls.kernel().semaphores().value(semaphore) == 0);
  }}};
  native.run();
  CHECK(order == std::vector<char>{'a', 'b', 'c'});
}

TEST_CASE("processes that map a segment of shared memory have the same pages, and fork adds no copies") {
  hv::u64 before = 0, after = 0;
  test::NativeKernel native{{[&](SystemCalls& calls) -> model::Task<> {
    guest::Kernel& kernel = calls.kernel();
    constexpr u32 kPages = 10;
    kernel.file_system().install_device("/dev/shm",
                                        std::make_shared<guest::SharedMemory>(kernel, kPages * hv::kPageSize));
    const Descriptor file = co_await calls.open("/dev/shm");
    const u32 start = co_await calls.map({.bytes = kPages * hv::kPageSize,
                                          .protection = {.read = true, .write = true, .execute = false},
                                          .file = file,
                                          .shared = true});
    co_await calls.access({.first = start, .bytes = kPages * hv::kPageSize, .use = model::Use::write});
    before = kernel.activity().page_faults;
    const guest::ProcessId child = co_await calls.fork([start](SystemCalls& in) -> model::Task<> {
      co_await in.access({.first = start, .bytes = kPages * hv::kPageSize, .use = model::Use::write});
    });
    co_await calls.wait(child);
    after = kernel.activity().page_faults;
  }}};
  native.run();
  CHECK(before >= 10);
  CHECK(after - before <= 10);  // a fork protects what may be written; nothing is copied
}

TEST_CASE("a directory is listed in pieces, a file renamed over another one takes its place") {
  std::vector<u32> listed;
  std::optional<guest::FileStatus> old_name, new_name;
  bool renamed = false, missing = true;
  test::NativeKernel native{{[&](SystemCalls& calls) -> model::Task<> {
    co_await map_buffer(calls);
    co_await calls.make_directory("/d");
    for (int i = 0; i < 300; ++i) {
      const Descriptor file = co_await calls.create("/d/" + std::to_string(i));
      if (i == 7) co_await calls.write(file, kBuffer, 5000);
      co_await calls.close(file);
    }
    const Descriptor directory = co_await calls.open("/d");
    u32 got = 1;
    while (got > 0) {
      got = co_await calls.list(directory, kBuffer, 4096);
      listed.push_back(got);
    }
    renamed = co_await calls.rename("/d/7", "/d/8");
    missing = co_await calls.rename("/d/none", "/d/9");
    old_name = co_await calls.stat("/d/7");
    new_name = co_await calls.stat("/d/8");
    const bool set = co_await calls.set_times("/d/8");
    CHECK(set);
    const bool there = co_await calls.file_system_status("/d");
    CHECK(there);
    const bool gone = co_await calls.unlink("/d/8");
    CHECK(gone);
  }}};
  native.run();
  CHECK(listed == std::vector<u32>{170 * 24, 130 * 24, 0});
  CHECK(renamed);
  CHECK(!missing);
  CHECK(!old_name);
  REQUIRE(new_name);
  CHECK(new_name->bytes == 5000);
}
