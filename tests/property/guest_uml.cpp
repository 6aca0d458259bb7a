#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "sim/random.h"
#include "support/native_kernel.h"
#include "workloads/ports/uml/uml_port.h"

// User code sees the same memory on a host as on bare hardware, whatever it does with it: the same pages present with
// the same rights after each step, and after each the host's mappings are what the guest's tables say.

namespace {

using guest::SystemCalls;
using guest::u32;
using model::Task;
using UmlKernel = test::KernelOn<guest::UmlPort, guest::System::uml>;

constexpr u32 kPage = 4096;
constexpr u32 kFirst = 0x20000000, kPages = 64;  // where the areas are; around a border of page tables
constexpr u32 kStart = kFirst - kPages / 2 * kPage;

using Audit = std::function<std::optional<std::string>()>;

// What the page tables of a process say, page by page: absent, readable, writable. The kernel's frame 0 is at
// `memory_start`.
std::string picture(SystemCalls& calls, u32 memory_start) {
  const guest::AddressSpace& space = *calls.process().space;
  std::string text;
  for (u32 i = 0; i < kPages; ++i) {
    const u32 address = kStart + i * kPage;
    const auto table = space.tables.find(guest::slot_of(address));
    const u32 word = table == space.tables.end() ? 0
                                                 : calls.machine()
                                                       .memory()
                                                       .frame(hv::MachineFrame{memory_start + table->second.number()})
                                                       .load(guest::index_in_table(address));
    text += (word & hv::kEntryPresent) == 0 ? '.' : (word & hv::kEntryWritable) != 0 ? 'w' : 'r';
  }
  return text;
}

// Areas as the program knows them, so that it never touches what would kill it.
struct Model {
  std::string rights = std::string(kPages, '.');  // . nothing, r readable, w writable
};

class Walker {
 public:
  Walker(std::uint64_t seed, u32 memory_start, std::vector<std::string>& pictures, Audit audit)
      : random_{sim::Random{seed}.stream("walk")},
        memory_start_{memory_start},
        pictures_{pictures},
        audit_{std::move(audit)} {}

  Task<> walk(SystemCalls& calls, u32 steps, u32 depth) {
    for (u32 i = 0; i < steps; ++i) {
      co_await step(calls, depth);
      pictures_.push_back(picture(calls, memory_start_));
      const auto wrong = audit_();
      if (wrong) FAIL_CHECK(*wrong);
    }
  }

 private:
  u32 below(u32 limit) { return static_cast<u32>(random_.below(limit)); }

  Task<> step(SystemCalls& calls, u32 depth) {
    const u32 first = below(kPages), count = 1 + below(std::min(12u, kPages - first));
    const u32 address = kStart + first * kPage, bytes = count * kPage;
    switch (below(8)) {
      case 0: {
        const bool write = below(4) != 0;
        guest::Mapping mapping;
        mapping.bytes = bytes;
        mapping.protection = {.write = write};
        mapping.address = address;
        co_await calls.map(mapping);
        set(first, count, write ? 'w' : 'r');
        break;
      }
      case 1:
        co_await calls.unmap(address, bytes);
        set(first, count, '.');
        break;
      case 2: {
        if (model_.rights.substr(first, count).find('.') != std::string::npos) break;
        const bool write = below(2) != 0;
        co_await calls.protect(address, bytes, {.write = write});
        set(first, count, write ? 'w' : 'r');
        break;
      }
      case 3:
        if (depth < 2) co_await fork(calls, depth);
        break;
      default:
        for (u32 i = first; i < first + count; ++i) {
          const bool write = below(2) != 0;
          if (model_.rights[i] == '.' || (write && model_.rights[i] == 'r')) continue;
          co_await calls.access(model::Sweep{kStart + i * kPage, 64, write ? model::Use::write : model::Use::read});
        }
    }
  }

  Task<> fork(SystemCalls& calls, u32 depth) {
    const Model before = model_;
    const guest::ProcessId child =
        co_await calls.fork([this, depth](SystemCalls& in_child) { return walk(in_child, 6, depth + 1); });
    const auto status = co_await calls.wait(child);
    CHECK(status == 0u);
    model_ = before;  // the child had its own memory
  }

  void set(u32 first, u32 count, char right) { std::fill_n(model_.rights.begin() + first, count, right); }

  sim::RandomStream random_;
  u32 memory_start_;
  std::vector<std::string>& pictures_;
  Audit audit_;
  Model model_;
};

template <class System>
std::vector<std::string> pictures_on(std::uint64_t seed, u32 memory_start) {
  constexpr u32 kSteps = 40;
  // 72 MB beside the host's: an audit goes through all of the kernel's memory, and there is one at every step.
  model::MachineFile small = test::dell2650();
  small.memory.size = std::uint64_t{guest::kHostFrames} * kPage + (72 << 20);
  std::vector<std::string> pictures;
  System* system = nullptr;
  Walker walker{seed, memory_start, pictures, [&] { return system->port().audit(); }};
  System kernel{{[&](SystemCalls& calls) { return walker.walk(calls, kSteps, 0); }}, 1, small};
  system = &kernel;
  kernel.run();
  return pictures;
}

}  // namespace

TEST_CASE("uml: whatever a program does with its memory, it sees what it sees on bare hardware") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    const auto native = pictures_on<test::NativeKernel>(seed, 0);
    const auto uml = pictures_on<UmlKernel>(seed, guest::kHostFrames);
    REQUIRE(native.size() == uml.size());
    for (std::size_t i = 0; i < native.size(); ++i) {
      CAPTURE(i);
      CHECK(native[i] == uml[i]);
    }
    CHECK(native.size() >= 40);
  }
}
