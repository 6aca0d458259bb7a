#include "workloads/programs/hogs/memory_hog.h"

#include <array>
#include <vector>

#include "workloads/kernel/system_calls.h"

namespace guest {

namespace {

constexpr std::array kResults{ResultInfo{"pages", "1"}, ResultInfo{"failures", "1"}, ResultInfo{"starts", "1"}};

constexpr u32 kTouchedBytes = 4;  // of every page

}  // namespace

std::span<const ResultInfo> memory_hog_results() { return kResults; }

model::Task<> MemoryHog::run(SystemCalls& calls) {
  started();
  const UserCode child = [this](SystemCalls& of_child) { return grab(of_child); };
  while (true) {
    const ProcessId id = co_await calls.fork(child);
    if (id == 0) {
      co_await calls.sleep(kTicksPerSecond);
      continue;
    }
    ++starts_;
    co_await calls.wait(id);
  }
}

model::Task<> MemoryHog::grab(SystemCalls& calls) {
  Mapping mapping;
  mapping.bytes = settings_.chunk_bytes;
  mapping.protection = {.write = true};
  while (true) {
    std::vector<u32> chunks;
    for (u64 got = 0; got < settings_.bytes; got += settings_.chunk_bytes) {
      const u32 chunk = co_await calls.map(mapping);
      if (chunk == 0) {
        ++failures_;
        break;
      }
      chunks.push_back(chunk);
      for (u32 at = 0; at < settings_.chunk_bytes; at += hv::kPageSize) {
        co_await calls.access(model::Sweep{chunk + at, kTouchedBytes, model::Use::write});
        ++pages_;
      }
    }
    for (const u32 chunk : chunks) co_await calls.unmap(chunk, settings_.chunk_bytes);
  }
}

std::vector<ProgramResult> MemoryHog::results() const {
  return results_of(
      kResults, std::array{static_cast<double>(pages_), static_cast<double>(failures_), static_cast<double>(starts_)});
}

}  // namespace guest
