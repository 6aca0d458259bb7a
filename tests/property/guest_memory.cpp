// Processes that map, unmap, protect, read, write and fork at random, against a plain reference that knows for every
// page which contents it shows. Contents have numbers: 0 are zeros, a file's pages have their own, and each store to a
// private page makes new ones. What is compared are the page tables: same contents, same frame, and other contents,
// another frame, over all processes.
#include <doctest/doctest.h>

#include <map>
#include <set>

#include "sim/random.h"
#include "support/native_kernel.h"
#include "support/xen_kernel.h"
#include "workloads/kernel/file_system.h"

namespace {

using guest::GuestFrame;
using guest::ProcessId;
using guest::SystemCalls;
using guest::u32;
using model::Task;
using model::Use;

constexpr u32 kPage = 4096;
constexpr u32 kWindow = 24;  // pages, over the border of two tables
constexpr u32 kStarts[] = {0x083ff000 - 10 * kPage, 0x40000000, 0xbf400000 - 12 * kPage};
constexpr u32 kFilePages = 16;
constexpr u32 kFirstPrivate = 1000;

struct Page {
  bool writable = false, shared = false;
  u32 contents = 0;
};
using Memory = std::map<u32, Page>;  // by address

struct World {
  explicit World(std::uint64_t seed) : random{sim::Random{seed}.stream("memory")} {}
  sim::RandomStream random;
  std::map<ProcessId, Memory> processes;
  std::set<ProcessId> changing;  // in the middle of an operation, where another process may come to run
  u32 next_contents = kFirstPrivate;
  u32 operations = 0, forks = 0;
  u32 below(u32 n) { return static_cast<u32>(random.below(n)); }
};

// Those that are tables for the next process too.
u32 free_pages(guest::Kernel& kernel) {
  if (auto* xen = dynamic_cast<guest::XenPort*>(&kernel.port())) return xen->free_pages();
  std::vector<guest::Metric> metrics;
  dynamic_cast<guest::NativePort&>(kernel.port()).add_metrics(metrics);
  for (const guest::Metric& metric : metrics) {
    if (metric.name == "kernel.free_pages") return static_cast<u32>(metric.value);
  }
  return 0;
}

struct Range {
  u32 address, pages;
};
Range any_range(World& world) {
  const u32 first = world.below(kWindow);
  const u32 pages = 1 + world.below(std::min(8u, kWindow - first));
  return {kStarts[world.below(3)] + first * kPage, pages};
}

// Every process that lives against its reference.
void check(World& world, SystemCalls& calls) {
  guest::Kernel& kernel = calls.kernel();
  std::map<u32, GuestFrame> frame_of;
  std::map<GuestFrame, u32> contents_of;
  for (const auto& [id, memory] : world.processes) {
    if (world.changing.contains(id)) continue;
    const guest::Process* process = kernel.find_process(id);
    REQUIRE(process != nullptr);
    const guest::AddressSpace& space = *process->space;
    for (const u32 start : kStarts) {
      for (u32 address = start; address < start + kWindow * kPage; address += kPage) {
        const auto expected = memory.find(address);
        const guest::Area* area = space.area_of(address);
        REQUIRE((area != nullptr) == (expected != memory.end()));
        const bool has_table = space.tables.contains(address / guest::kDirectorySlotBytes);
        const guest::PageEntry entry = has_table ? kernel.port().entry(space, address) : guest::PageEntry{};
        if (area == nullptr) {
          REQUIRE(!entry.present);
          continue;
        }
        const Page& page = expected->second;
        REQUIRE(area->protection.write == page.writable);
        if (!entry.present) {
          REQUIRE(page.contents < kFirstPrivate);  // what was once stored stays
          continue;
        }
        REQUIRE((!entry.writable || page.writable));
        REQUIRE((entry.frame == kernel.memory().zero_page()) == (page.contents == 0));
        REQUIRE(frame_of.emplace(page.contents, entry.frame).first->second == entry.frame);
        REQUIRE(contents_of.emplace(entry.frame, page.contents).first->second == page.contents);
      }
    }
  }
}

Task<> live(SystemCalls& calls, World& world, u32 operations, u32 depth);

Task<> step(SystemCalls& calls, World& world, guest::Descriptor file, std::vector<ProcessId>& children, u32 depth) {
  Memory& memory = world.processes[calls.process().id];
  const Range range = any_range(world);
  const u32 end = range.address + range.pages * kPage;
  switch (world.below(12)) {
    case 0:
    case 1: {
      const bool writable = world.below(4) != 0, of_file = world.below(3) == 0, shared = of_file && world.below(2) == 0;
      const u32 first = world.below(kFilePages - range.pages);
      co_await calls.map({.bytes = range.pages * kPage,
                          .protection = {.write = writable},
                          .address = range.address,
                          .file = of_file ? file : -1,
                          .file_page = of_file ? first : 0,
                          .shared = shared});
      for (u32 i = 0; i < range.pages; ++i) {
        memory[range.address + i * kPage] = {writable, shared, of_file ? 1 + first + i : 0};
      }
      break;
    }
    case 2:
      co_await calls.unmap(range.address, range.pages * kPage);
      memory.erase(memory.lower_bound(range.address), memory.lower_bound(end));
      break;
    case 3: {
      const auto first = memory.lower_bound(range.address);
      if (first == memory.end()) break;
      auto last = first;
      u32 pages = 0;
      const bool writable = world.below(2) == 0;
      for (; last != memory.end() && last->first == first->first + pages * kPage && pages < range.pages; ++last)
        ++pages;
      co_await calls.protect(first->first, pages * kPage, {.write = writable});
      for (auto page = first; page != last; ++page) page->second.writable = writable;
      break;
    }
    case 4:
      if (depth == 0 || children.size() > 2) break;
      ++world.forks;
      {
        // Named, because g++ 12 destroys a temporary closure of a co_await expression twice.
        const guest::UserCode code = [&world, depth, memory](SystemCalls& of_child) {
          world.processes[of_child.process().id] = memory;
          return live(of_child, world, 12, depth - 1);
        };
        const ProcessId child = co_await calls.fork(code);
        children.push_back(child);
      }
      break;
    default:
      for (u32 address = range.address; address < end; address += kPage) {
        const auto page = memory.find(address);
        if (page == memory.end()) continue;
        const bool store = page->second.writable && world.below(2) == 0;
        const u32 contents = world.next_contents;
        if (store && !page->second.shared) {
          page->second.contents = contents;
          ++world.next_contents;
        }
        co_await calls.access(model::Sweep{address + world.below(kPage), 1, store ? Use::write : Use::read});
      }
  }
}

Task<> live(SystemCalls& calls, World& world, u32 operations, u32 depth) {
  const guest::Descriptor file = co_await calls.open("/file");
  std::vector<ProcessId> children;
  for (u32 i = 0; i < operations; ++i) {
    ++world.operations;
    world.changing.insert(calls.process().id);
    co_await step(calls, world, file, children, depth);
    world.changing.erase(calls.process().id);
    calls.kernel().enter_system_call();  // only the kernel may look into page tables
    check(world, calls);
    co_await calls.kernel().leave_system_call();
  }
  for (const ProcessId child : children) {
    const std::optional<u32> status = co_await calls.wait(child);
    REQUIRE(status == 0u);
  }
  co_await calls.close(file);
  world.processes.erase(calls.process().id);
}

// The same twice: what the first time left behind the second finds, so then nothing may be missing.
guest::UserCode program(std::uint64_t seed) {
  return [seed](SystemCalls& calls) -> Task<> {
    calls.kernel().file_system().install("/file", kFilePages * kPage);
    std::vector<u32> free;
    for (int round = 0; round < 2; ++round) {
      World world{seed};
      const ProcessId child = co_await calls.fork([&world](SystemCalls& of_child) {
        world.processes[of_child.process().id] = {};
        return live(of_child, world, 80, 2);
      });
      co_await calls.wait(child);
      CHECK(world.processes.empty());
      CHECK(world.operations > 80);
      CHECK(world.forks > 0);
      free.push_back(free_pages(calls.kernel()));
    }
    // An idle processor stands on the directory of a dead process until it has other work.
    const u32 borrowed = calls.machine().cpu_count() - 1;
    CHECK(free[0] <= free[1] + borrowed);
    CHECK(free[1] <= free[0] + borrowed);
  };
}

}  // namespace

TEST_CASE("native: page tables agree with a plain reference through random mappings, stores and forks") {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    CAPTURE(seed);
    test::NativeKernel native{{program(seed)}};
    native.run();
    const auto wrong = native.port().audit();
    CHECK_MESSAGE(!wrong, wrong.value_or(""));
  }
}

TEST_CASE("native on two processors: the same") {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    CAPTURE(seed);
    test::NativeKernel native{{program(seed)}, 2};
    native.run();
    const auto wrong = native.port().audit();
    CHECK_MESSAGE(!wrong, wrong.value_or(""));
  }
}

TEST_CASE("xen: the same, and the hypervisor's own books are right") {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    CAPTURE(seed);
    test::XenKernel xen{{program(seed)}};
    xen.run();
    const auto wrong = xen.audit();
    CHECK_MESSAGE(!wrong, wrong.value_or(""));
  }
}
