// Request queues on a kernel of their own, over a driver that the test answers for.
#include <doctest/doctest.h>

#include <memory>
#include <set>
#include <vector>

#include "sim/random.h"
#include "support/native_kernel.h"
#include "workloads/kernel/block/request_queue.h"

namespace {

using guest::BlockDirection;
using guest::BlockRequest;
using guest::Buffer;
using guest::RequestQueue;
using guest::SystemCalls;
using guest::u32;
using guest::u64;

// Takes up to `depth` requests; complete() answers for one of them.
class HandDriver final : public guest::BlockDriver {
 public:
  explicit HandDriver(std::size_t room) : depth{room} {}
  u64 sectors() const override { return 1'000'000; }
  u32 most_request_sectors() const override { return 128; }
  bool barriers() const override { return true; }
  model::Task<> start(RequestQueue& queue) override {
    ++starts;
    while (taken.size() < depth) {
      BlockRequest* request = queue.take();
      if (request == nullptr) break;
      taken.push_back(request);
    }
    co_return;
  }
  void complete(RequestQueue& queue, std::size_t index, bool failed = false) {
    BlockRequest* request = taken[index];
    taken.erase(taken.begin() + static_cast<std::ptrdiff_t>(index));
    queue.complete(*request, failed);
  }

  std::size_t depth;
  int starts = 0;
  std::vector<BlockRequest*> taken;
};

Buffer buffer_at(u64 sector) {
  Buffer buffer;
  buffer.sector = sector;
  buffer.sectors = 8;
  return buffer;
}

}  // namespace

TEST_CASE("the first request plugs its queue, and all that come until somebody waits go to the driver in one run") {
  HandDriver driver{100};
  test::NativeKernel host{{[&](SystemCalls& calls) -> model::Task<> {
    calls.kernel().enter_system_call();
    RequestQueue queue{calls.kernel(), driver};
    std::vector<Buffer> buffers;
    for (u64 i = 0; i < 10; ++i) buffers.push_back(buffer_at(100 * i));
    for (Buffer& buffer : buffers) co_await queue.submit(buffer, BlockDirection::read);
    CHECK(queue.plugged());
    CHECK(driver.starts == 0);
    CHECK(queue.outstanding() == 10);
    co_await queue.unplug();
    CHECK(driver.starts == 1);
    CHECK(driver.taken.size() == 10);
    CHECK(buffers[0].locked);
    driver.complete(queue, 0);
    CHECK(!buffers[0].locked);
    co_await queue.wait(buffers[0]);  // at once
    while (!driver.taken.empty()) driver.complete(queue, 0);
    CHECK(queue.outstanding() == 0);
    CHECK(queue.counts().requests[0] == 10);
    CHECK(queue.counts().sectors[0] == 80);
    co_await calls.kernel().leave_system_call();
  }}};
  host.run();
}

TEST_CASE("a request ends all its buffers, and a failed one says so to each") {
  HandDriver driver{100};
  test::NativeKernel host{{[&](SystemCalls& calls) -> model::Task<> {
    calls.kernel().enter_system_call();
    RequestQueue queue{calls.kernel(), driver};
    std::vector<Buffer> buffers;
    int ended = 0;
    for (u64 i = 0; i < 16; ++i) {
      buffers.push_back(buffer_at(8 * i));
      buffers.back().done = [&ended](Buffer& buffer) {
        CHECK(!buffer.locked);
        ++ended;
      };
    }
    for (Buffer& buffer : buffers) co_await queue.submit(buffer, BlockDirection::write);
    co_await queue.unplug();
    REQUIRE(driver.taken.size() == 1);
    CHECK(driver.taken[0]->sectors == 128);
    CHECK(queue.counts().merges[1] == 15);
    driver.complete(queue, 0, true);
    CHECK(ended == 16);
    for (const Buffer& buffer : buffers) CHECK(buffer.failed);
    CHECK(queue.counts().failed == 16);
    co_await calls.kernel().leave_system_call();
  }}};
  host.run();
}

TEST_CASE("the 65th write waits, and is woken when half of the requests are free; reads have requests of their own") {
  HandDriver driver{1000};
  std::unique_ptr<RequestQueue> queue;
  std::vector<Buffer> buffers;
  for (u64 i = 0; i < 66; ++i) buffers.push_back(buffer_at(1000 * i));
  bool got_through = false;
  test::NativeKernel host{{
      [&](SystemCalls& calls) -> model::Task<> {
        calls.kernel().enter_system_call();
        queue = std::make_unique<RequestQueue>(calls.kernel(), driver);
        for (int i = 0; i < 65; ++i) co_await queue->submit(buffers[i], BlockDirection::write);
        got_through = true;
        co_await calls.kernel().leave_system_call();
      },
      [&](SystemCalls& calls) -> model::Task<> {
        while (!queue || queue->counts().waits == 0) co_await calls.sleep(1);
        calls.kernel().enter_system_call();
        CHECK(driver.taken.size() == 64);  // who waits for a request unplugs
        co_await queue->submit(buffers[65], BlockDirection::read);
        CHECK(queue->outstanding() == 65);
        for (int i = 0; i < 31; ++i) driver.complete(*queue, 0);
        co_await calls.kernel().sleep_for(2);
        CHECK(!got_through);
        driver.complete(*queue, 0);  // 32 are free
        co_await calls.kernel().sleep_for(2);
        CHECK(got_through);
        co_await queue->unplug();
        while (!driver.taken.empty()) driver.complete(*queue, 0);
        CHECK(queue->outstanding() == 0);
        co_await calls.kernel().leave_system_call();
      },
  }};
  host.run();
}

TEST_CASE("under random loads every buffer ends exactly once, and 64 and 64 requests are never exceeded") {
  constexpr int kProcesses = 100, kBuffers = 30;
  HandDriver driver{40};
  std::unique_ptr<RequestQueue> queue;
  int ended = 0;
  std::vector<guest::UserCode> processes;
  sim::RandomStream random = sim::Random{3}.stream("queue");
  int running = kProcesses;
  for (int p = 0; p < kProcesses; ++p) {
    processes.push_back([&](SystemCalls& calls) -> model::Task<> {
      calls.kernel().enter_system_call();
      if (!queue) queue = std::make_unique<RequestQueue>(calls.kernel(), driver);
      std::vector<Buffer> buffers(kBuffers);
      std::vector<int> ends(kBuffers);
      for (int i = 0; i < kBuffers; ++i) {
        buffers[i] = buffer_at(8 * random.below(2000));
        buffers[i].done = [&ends, &ended, i](Buffer&) { ++ends[i], ++ended; };
        const auto direction = random.chance(1, 2) ? BlockDirection::read : BlockDirection::write;
        co_await queue->submit(buffers[i], direction, random.chance(1, 20) && direction == BlockDirection::write);
        REQUIRE(queue->outstanding() <= 128);
      }
      for (Buffer& buffer : buffers) co_await queue->wait(buffer);
      for (const int count : ends) REQUIRE(count == 1);
      --running;
      co_await calls.kernel().leave_system_call();
    });
  }
  processes.push_back([&](SystemCalls& calls) -> model::Task<> {
    calls.kernel().enter_system_call();
    while (running > 0) {
      while (queue && !driver.taken.empty() && random.chance(9, 10)) {
        driver.complete(*queue, random.below(driver.taken.size()), random.chance(1, 50));
      }
      if (queue) co_await driver.start(*queue);  // room has come back
      co_await calls.kernel().sleep_for(1);
    }
    co_await calls.kernel().leave_system_call();
  });
  test::NativeKernel host{std::move(processes)};
  host.run(sim::Duration::seconds(1000));
  CHECK(ended == kProcesses * kBuffers);
  CHECK(queue->outstanding() == 0);
  CHECK(queue->counts().waits > 0);
  CHECK(queue->counts().merges[0] + queue->counts().merges[1] > 20);
  const auto& counts = queue->counts();
  CHECK(counts.sectors[0] + counts.sectors[1] == 8u * kProcesses * kBuffers);
}
