// Programs of random system calls and accesses, on bare hardware and in the monitor: the guest's kernel must not see a
// difference, and the shadow tables must never say more than the guest's.
#include <doctest/doctest.h>

#include <fmt/format.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "sim/random.h"
#include "support/native_kernel.h"
#include "workloads/ports/page_entry.h"
#include "workloads/ports/vmware/lone_machine.h"

namespace {

using guest::SystemCalls;
using guest::u32;
using model::Task;
using VmwareKernel = test::KernelOn<guest::LoneMachine, guest::System::vmware>;

constexpr u32 kPage = 4096;
constexpr u32 kPages = 24;                                // of the region that the program plays with
constexpr u32 kRegion = 0x60000000 - kPage * kPages / 2;  // across two page tables

// What a process can see of its region: which pages are there and with what rights, who shares them, and whether they
// are still those they were.
class Observer {
 public:
  // `first`: machine frame of the guest's frame 0.
  void look(SystemCalls& calls, u32 first) {
    guest::AddressSpace& space = *calls.process().space;
    const guest::PageAllocator& pages = calls.kernel().pages();
    std::erase_if(names_, [&](const auto& name) { return pages.users(guest::GuestFrame{name.first}) == 0; });
    std::string line = fmt::format("{}:", calls.process().id);
    for (u32 page = 0; page < kPages; ++page) {
      const u32 address = kRegion + page * kPage;
      const auto table = space.tables.find(guest::slot_of(address));
      guest::PageEntry entry;
      if (table != space.tables.end()) {
        const hv::MachineFrame frame{first + table->second.number()};
        const u32 word = calls.machine().memory().frame(frame).load(guest::index_in_table(address));
        entry = guest::entry_of(word, guest::GuestFrame{word / kPage});
      }
      if (!entry.present) {
        line += " -";
        continue;
      }
      const bool zero = entry.frame == calls.kernel().memory().zero_page();
      line += fmt::format(" {}{}{}{}", zero ? "z" : fmt::format("{}", name_of(entry.frame.number())),
                          entry.writable ? "w" : "r", entry.accessed ? "a" : "", entry.dirty ? "d" : "");
    }
    lines.push_back(std::move(line));
  }
  std::vector<std::string> lines;

 private:
  // Frames by the order in which they were seen first, until they are free: the same page has other frames on the two
  // systems, and which of them are used again is for their allocators to say.
  std::size_t name_of(u32 frame) {
    const auto [name, added] = names_.emplace(frame, next_);
    if (added) ++next_;
    return name->second;
  }
  std::map<u32, std::size_t> names_;
  std::size_t next_ = 0;
};

using Look = std::function<void(SystemCalls&)>;

Task<> play(SystemCalls& calls, std::uint64_t seed, u32 steps, Look look) {
  sim::RandomStream random = sim::Random{seed}.stream("play");
  const auto below = [&](u32 n) { return static_cast<u32>(random.below(n)); };
  for (u32 step = 0; step < steps; ++step) {
    const u32 first = below(kPages), count = 1 + below(kPages - first);
    const u32 address = kRegion + first * kPage, bytes = count * kPage;
    switch (below(8)) {
      case 0: {
        guest::Mapping mapping;
        mapping.bytes = bytes;
        mapping.protection = {.write = below(4) != 0};
        mapping.address = address;
        co_await calls.map(mapping);
        break;
      }
      case 1:
        co_await calls.unmap(address, bytes);
        break;
      case 2: {
        const guest::Protection protection{.write = below(2) != 0};
        // mprotect of what is not mapped fails on Linux, and ends a benchmark here
        bool mapped = true;
        for (u32 page = 0; page < count; ++page) {
          mapped = mapped && calls.process().space->area_of(address + page * kPage) != nullptr;
        }
        if (mapped) co_await calls.protect(address, bytes, protection);
        break;
      }
      case 3:
        if (steps > 4) {
          const std::uint64_t child_seed = seed * 31 + step;
          // It is waited for at once: when which of two runnable ones goes on depends on the time that all this takes.
          guest::UserCode of_child = [=](SystemCalls& child) { return play(child, child_seed, steps / 4, look); };
          co_await calls.wait(co_await calls.fork(std::move(of_child)));
        }
        break;
      default:
        for (u32 page = first; page < first + count; ++page) {
          const u32 at = kRegion + page * kPage;
          const guest::Area* area = calls.process().space->area_of(at);
          if (area == nullptr) continue;
          const bool write = area->protection.write && below(2) != 0;
          co_await calls.access(model::Sweep{at, kPage, write ? model::Use::write : model::Use::read});
        }
    }
    look(calls);
  }
}

}  // namespace

TEST_CASE(
    "random programs see the same pages in the monitor as on bare hardware, and the shadow agrees at every step") {
  // 72 MB for the guest: an audit goes through all of its memory, and there is one at every step.
  const guest::WorkstationFile& file = guest::WorkstationFile::workstation32();
  model::MachineFile small = test::dell2650();
  small.memory.size = std::uint64_t{file.host_pages + file.shadow_pages} * kPage + (72 << 20);
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    CAPTURE(seed);
    Observer on_native, on_vmware;
    test::NativeKernel native{
        {[&](SystemCalls& calls) { return play(calls, seed, 120, [&](SystemCalls& in) { on_native.look(in, 0); }); }},
        1,
        small};
    native.run();
    CHECK(native.port().audit() == std::nullopt);

    VmwareKernel vmware{{[&](SystemCalls& calls) {
                          return play(calls, seed, 120, [&](SystemCalls& in) {
                            on_vmware.look(in, file.host_pages + file.shadow_pages);
                            REQUIRE(dynamic_cast<guest::VmwarePort&>(in.kernel().port()).audit() == std::nullopt);
                          });
                        }},
                        1,
                        small};
    vmware.run();
    REQUIRE(on_native.lines.size() == on_vmware.lines.size());
    for (std::size_t i = 0; i < on_native.lines.size(); ++i) REQUIRE(on_native.lines[i] == on_vmware.lines[i]);
  }
}
