#include <doctest/doctest.h>

#include <algorithm>

#include "sim/random.h"
#include "support/native_kernel.h"

namespace {

using guest::Descriptor;
using guest::SystemCalls;
using guest::u32;
using model::Task;

constexpr u32 kPage = 4096;
constexpr guest::u64 kTicks = 2;  // whoever can run has done so

using Log = std::vector<std::string>;

}  // namespace

TEST_CASE("a reader sleeps until something is written, and finds the end when the last writer has closed") {
  Log log;
  test::NativeKernel host{{[&](SystemCalls& calls) -> Task<> {
    const u32 buffer = co_await test::buffer(calls, kPage);
    const auto pipe = co_await calls.pipe();
    const auto child = co_await calls.fork([&, pipe](SystemCalls& own) -> Task<> {
      co_await own.close(pipe.write);
      log.push_back("reads");
      CHECK(co_await own.read(pipe.read, buffer, 100) == 10);
      log.push_back("has 10");
      CHECK(co_await own.read(pipe.read, buffer, 100) == 0);
      log.push_back("end");
    });
    co_await calls.close(pipe.read);
    co_await calls.sleep(kTicks);
    log.push_back("writes");
    CHECK(co_await calls.write(pipe.write, buffer, 10) == 10);
    co_await calls.sleep(kTicks);
    log.push_back("closes");
    co_await calls.close(pipe.write);
    CHECK(co_await calls.wait(child) == 0);
  }}};
  host.run();
  CHECK(log == Log{"reads", "writes", "has 10", "closes", "end"});
}

TEST_CASE("what nobody will read is not written") {
  test::NativeKernel host{{[](SystemCalls& calls) -> Task<> {
    const u32 buffer = co_await test::buffer(calls, kPage);
    const u32 free_frames = calls.kernel().pages().free_frames();
    const auto pipe = co_await calls.pipe();
    CHECK(calls.kernel().pages().free_frames() == free_frames - 1);
    CHECK(co_await calls.write(pipe.write, buffer, 10) == 10);
    CHECK(co_await calls.write(pipe.read, buffer, 10) == 0);  // the wrong end
    CHECK(co_await calls.read(pipe.write, buffer, 10) == 0);
    co_await calls.close(pipe.read);
    CHECK(co_await calls.write(pipe.write, buffer, 10) == 0);
    co_await calls.close(pipe.write);
    CHECK(calls.kernel().pages().free_frames() == free_frames);
  }}};
  host.run();
}

TEST_CASE("a write of at most a page waits until all of it fits, a longer one goes in as room comes") {
  Log log;
  test::NativeKernel host{{[&](SystemCalls& calls) -> Task<> {
    const u32 buffer = co_await test::buffer(calls, 4 * kPage);
    const auto pipe = co_await calls.pipe();
    CHECK(co_await calls.write(pipe.write, buffer, 4'000) == 4'000);
    const auto child = co_await calls.fork([&, pipe](SystemCalls& own) -> Task<> {
      CHECK(co_await own.write(pipe.write, buffer, 200) == 200);
      log.push_back("200 are in");
      CHECK(co_await own.write(pipe.write, buffer, 10'000) == 10'000);
      log.push_back("10000 are in");
    });
    co_await calls.sleep(kTicks);
    CHECK(co_await calls.read(pipe.read, buffer, 100) == 100);
    co_await calls.sleep(kTicks);
    log.push_back("room for 196");
    CHECK(co_await calls.read(pipe.read, buffer, 4) == 4);
    co_await calls.sleep(kTicks);
    CHECK(co_await calls.read(pipe.read, buffer, 4'096) == 4'096);  // 3896, 200: full. Nothing of the next could go in
    co_await calls.sleep(kTicks);
    CHECK(co_await calls.read(pipe.read, buffer, kPage) == kPage);
    co_await calls.sleep(kTicks);
    log.push_back("4096 of 10000 read");
    CHECK(co_await calls.read(pipe.read, buffer, 6'000) == 5'904);  // makes room, and waits for what is written then
    CHECK(co_await calls.wait(child) == 0);
  }}};
  host.run();
  CHECK(log == Log{"room for 196", "200 are in", "4096 of 10000 read", "10000 are in"});
}

TEST_CASE("a token goes round a ring of processes in order") {
  Log log;
  test::NativeKernel host{{[&](SystemCalls& calls) -> Task<> {
    const u32 buffer = co_await test::buffer(calls, kPage);
    std::vector<SystemCalls::PipeEnds> pipes;
    for (int i = 0; i < 4; ++i) pipes.push_back(co_await calls.pipe());
    for (std::size_t i = 1; i < 4; ++i) {
      const guest::UserCode code = [&, i, pipes](SystemCalls& own) -> Task<> {
        for (int lap = 0; lap < 3; ++lap) {
          CHECK(co_await own.read(pipes[i - 1].read, buffer, 4) == 4);
          log.push_back(std::to_string(i));
          CHECK(co_await own.write(pipes[i].write, buffer, 4) == 4);
        }
      };
      co_await calls.fork(code);
    }
    for (int lap = 0; lap < 3; ++lap) {
      CHECK(co_await calls.write(pipes[0].write, buffer, 4) == 4);
      CHECK(co_await calls.read(pipes[3].read, buffer, 4) == 4);
      log.push_back("0");
    }
  }}};
  host.run();
  CHECK(log == Log{"1", "2", "3", "0", "1", "2", "3", "0", "1", "2", "3", "0"});
}

TEST_CASE("what several processes write at random, several read, on one and on two CPUs, and nothing stays behind") {
  for (const std::uint32_t cpus : {1u, 2u}) {
    CAPTURE(cpus);
    std::uint64_t written = 0, read = 0;
    u32 free_before = 0, free_after = 0;
    test::NativeKernel host{{[&](SystemCalls& calls) -> Task<> {
                              const u32 buffer = co_await test::buffer(calls, 4 * kPage);
                              for (int round = 0; round < 4; ++round) {
                                const auto pipe = co_await calls.pipe();
                                std::vector<guest::ProcessId> children;
                                for (int i = 0; i < 6; ++i) {
                                  const bool writes = i < 3;
                                  const guest::UserCode code = [&, pipe, writes, i, round](SystemCalls& own) -> Task<> {
                                    auto random = sim::Random{7}.stream(std::to_string(10 * round + i));
                                    co_await own.close(writes ? pipe.read : pipe.write);
                                    for (int n = 0; n < 100 || !writes; ++n) {
                                      const auto bytes = static_cast<u32>(1 + random.below(n % 4 == 0 ? 9'000 : 500));
                                      if (writes) {
                                        const u32 done = co_await own.write(pipe.write, buffer, bytes);
                                        CHECK(done == bytes);
                                        written += done;
                                      } else {
                                        const u32 done = co_await own.read(pipe.read, buffer, bytes);
                                        if (done == 0) break;
                                        CHECK(done <= bytes);
                                        read += done;
                                      }
                                    }
                                  };
                                  children.push_back(co_await calls.fork(code));
                                }
                                co_await calls.close(pipe.read);
                                co_await calls.close(pipe.write);
                                for (const guest::ProcessId child : children) CHECK(co_await calls.wait(child) == 0);
                                if (round == 0) free_before = calls.kernel().pages().free_frames();
                                free_after = calls.kernel().pages().free_frames();
                              }
                            }},
                            cpus};
    host.run();
    CHECK(written > 4 * 3 * 100 * 250);
    CHECK(read == written);
    CHECK(free_before <= free_after + (cpus - 1));  // an idle processor may still borrow a dead one's page directory
  }
}
