// lat_mmap and lat_pagefault.
#include <numeric>

#include "sim/random.h"
#include "workloads/programs/lmbench/benchmarks.h"

namespace guest::lmbench {

namespace {

// lat_mmap stores a byte every 16 KB over the first tenth of the file.
constexpr u32 kStride = 16 << 10;
constexpr u32 kStoredBytes = kMappedBytes / 10;
constexpr u32 kPages = kMappedBytes / hv::kPageSize;

// lat_pagefault's order; it is drawn once.
std::vector<u32> random_order() {
  std::vector<u32> pages(kPages);
  std::iota(pages.begin(), pages.end(), 0u);
  sim::RandomStream random = sim::Random{1}.stream("lat_pagefault");
  for (u32 left = kPages; left > 1; --left) std::swap(pages[left - 1], pages[random.below(left)]);
  return pages;
}

}  // namespace

model::Task<> map_and_store(SystemCalls& calls, Timer& timer, const BenchProcess&) {
  const Descriptor file = co_await calls.open(kMappedPath);
  while (co_await timer.again(calls)) {
    const u32 start =
        co_await calls.map({.bytes = kMappedBytes, .protection = {.write = true}, .file = file, .shared = true});
    for (u32 at = 0; at < kStoredBytes; at += kStride) {
      co_await calls.access({.first = start + at, .bytes = 1, .use = model::Use::write});
    }
    co_await calls.unmap(start, kMappedBytes);
  }
}

model::Task<> map_and_read(SystemCalls& calls, Timer& timer, const BenchProcess&) {
  const Descriptor file = co_await calls.open(kMappedPath);
  const std::vector<u32> pages = random_order();
  while (co_await timer.again(calls)) {
    const u32 start = co_await calls.map({.bytes = kMappedBytes, .file = file, .shared = true});
    for (const u32 page : pages) co_await calls.access({.first = start + page * hv::kPageSize, .bytes = 1});
    co_await calls.unmap(start, kMappedBytes);
  }
}

model::Task<> map_only(SystemCalls& calls, Timer& timer, const BenchProcess&) {
  const Descriptor file = co_await calls.open(kMappedPath);
  while (co_await timer.again(calls)) {
    const u32 start = co_await calls.map({.bytes = kMappedBytes, .file = file, .shared = true});
    co_await calls.unmap(start, kMappedBytes);
  }
}

}  // namespace guest::lmbench
