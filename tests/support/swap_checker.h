// Processes that use more memory than there is, against an outside checker that knows what is in every page. It puts a
// number on the frame of each page that a process stores to, carries the numbers to the disk and back as it sees the
// kernel's transfers, and looks whether every process finds its own numbers, wherever its pages are.
#pragma once

#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "sim/random.h"
#include "support/native_kernel.h"
#include "support/xen_kernel.h"

namespace test::swap {

using guest::GuestFrame;
using guest::SystemCalls;
using guest::u32;
using guest::u64;
using model::Task;
using model::Use;

// Through the coroutines to whoever runs the kernel.
inline void expect(bool condition, const std::string& otherwise) {
  if (!condition) throw std::runtime_error{otherwise};
}

constexpr u32 kPage = 4096;
constexpr u32 kSlotSectors = kPage / 512;

class Tags final : public model::BlockTrace {
 public:
  void watch(guest::Kernel& kernel) {
    if (swap_ != nullptr) return;
    swap_ = kernel.find_disk(swap_name_);
    swap_->queue.trace(*this, 0);
  }
  void name_swap(std::string name) { swap_name_ = std::move(name); }
  DeviceId add_device(const std::string&) override { return 0; }
  void passed(sim::Time) override {}
  void event(DeviceId, const model::BlockTraceEvent& event, sim::Time) override {
    using Action = model::BlockTraceEvent::Action;
    if (event.action != Action::inserted && event.action != Action::merged) return;
    for (const guest::BlockRequest* request : swap_->queue.elevator().waiting()) {
      for (const guest::Buffer* buffer : request->buffers) {
        if (buffer->sector != event.sector || buffer->sector < swap_->first_sector) continue;
        const u64 slot = (buffer->sector - swap_->first_sector) / kSlotSectors;
        if (event.write) {
          of_slot[slot] = of_frame[buffer->frame];
        } else {
          of_frame[buffer->frame] = of_slot.at(slot);  // nobody looks before it is there
        }
      }
    }
  }

  std::map<GuestFrame, u64> of_frame;
  std::map<u64, u64> of_slot;

 private:
  std::string swap_name_;
  const guest::Disk* swap_ = nullptr;
};

struct World {
  explicit World(u64 seed) : random{sim::Random{seed}.stream("swap")} {}
  sim::RandomStream random;
  Tags tags;
  std::map<guest::ProcessId, std::map<u32, u64>> memory;  // what each process has stored, by page
  std::map<guest::ProcessId, u32> storing;                // to which page each is about to
  u64 next = 1, checked = 0, found_in_swap = 0;
  std::function<std::optional<std::string>()> audit;
  u32 below(u32 n) { return static_cast<u32>(random.below(n)); }
};

inline guest::PageEntry entry_of(SystemCalls& calls, const guest::AddressSpace& space, u32 page) {
  if (!space.tables.contains(page / guest::kDirectorySlotBytes)) return {};
  return calls.kernel().port().entry(space, page);
}

inline void check(SystemCalls& calls, World& world) {
  guest::Kernel& kernel = calls.kernel();
  for (const auto& [id, pages] : world.memory) {
    const guest::Process* process = kernel.find_process(id);
    expect(process != nullptr, "a process is gone");
    const auto storing = world.storing.find(id);
    for (const auto& [page, tag] : pages) {
      // It may have a copy already, and be descheduled before it says what it has stored there.
      if (storing != world.storing.end() && storing->second == page) continue;
      const guest::PageEntry entry = entry_of(calls, *process->space, page);
      ++world.checked;
      if (entry.present) {
        expect(world.tags.of_frame[entry.frame] == tag, "a page has not what was stored");
        continue;
      }
      expect(entry.swap_slot != 0, "a page is nowhere");
      ++world.found_in_swap;
      const auto cached = kernel.swap().cache().find(entry.swap_slot);
      if (cached != kernel.swap().cache().end()) {
        expect(world.tags.of_frame[cached->second->frame] == tag, "a page in the swap cache has not what was stored");
      } else {
        expect(world.tags.of_slot.at(entry.swap_slot) == tag, "a slot has not what was stored");
      }
    }
  }
  const auto wrong = world.audit();
  expect(!wrong, wrong.value_or(""));
}

// The whole page: what was there before does not matter.
inline Task<> store(SystemCalls& calls, World& world, u32 page) {
  bool stored = false;
  world.storing[calls.process().id] = page;
  while (!stored) {
    co_await calls.access(model::Sweep{page, 4, Use::write});
    calls.kernel().enter_system_call();
    const guest::PageEntry entry = entry_of(calls, *calls.process().space, page);
    stored = entry.present && entry.writable;
    if (stored) {
      world.tags.of_frame[entry.frame] = world.next;
      world.memory[calls.process().id][page] = world.next++;
    }
    co_await calls.kernel().leave_system_call();
  }
  world.storing.erase(calls.process().id);
}

inline Task<> live(SystemCalls& calls, World& world, u32 start, u32 pages, u32 operations, u32 depth) {
  std::vector<guest::ProcessId> children;
  for (u32 i = 0; i < operations; ++i) {
    const u32 first = world.below(pages);
    const u32 end = std::min(pages, first + 1 + world.below(24));
    const u32 what = world.below(8);
    if (what == 0 && depth > 0 && children.size() < 2) {
      const guest::UserCode code = [&world, start, pages, depth](SystemCalls& of_child) {
        return live(of_child, world, start, pages, 6, depth - 1);
      };
      const std::map<u32, u64> same = world.memory[calls.process().id];
      const guest::ProcessId child = co_await calls.fork(code);
      if (child != 0) {
        world.memory[child] = same;
        children.push_back(child);
      }
    } else {
      for (u32 page = first; page < end; ++page) {
        if (what < 5) {
          co_await store(calls, world, start + page * kPage);
        } else {
          co_await calls.access(model::Sweep{start + page * kPage, 4, Use::read});
        }
      }
    }
    calls.kernel().enter_system_call();
    check(calls, world);
    co_await calls.kernel().leave_system_call();
  }
  for (const guest::ProcessId child : children) {
    const auto status = co_await calls.wait(child);
    expect(status == 0u, "a child has not ended well");
  }
  world.memory.erase(calls.process().id);
}

// Two of these want more than the kernel has.
inline guest::UserCode program(World& world, u32 pages) {
  return [&world, pages](SystemCalls& calls) -> Task<> {
    world.tags.watch(calls.kernel());
    guest::Mapping mapping;
    mapping.bytes = pages * kPage;
    mapping.protection = {.write = true};
    const u32 start = co_await calls.map(mapping);
    expect(start != 0, "there is not as much memory");
    for (u32 page = 0; page < pages; ++page) co_await store(calls, world, start + page * kPage);
    co_await live(calls, world, start, pages, 40, 1);
    co_await calls.unmap(start, pages * kPage);
  };
}

// Swap that is more than half full, so that pages that come back leave it, and such as never is.
inline const DiskOfKernel kScarce{.disk_bytes = 64 << 20, .swap_bytes = 32 << 20};
inline const DiskOfKernel kAmple{.disk_bytes = 64 << 20, .swap_bytes = 192 << 20};

// Two programs in a domain of 10 MB that store to 13.3: what was wrong, if anything. `at_end` sees the kernel.
inline std::string on_xen(World& world, const DiskOfKernel& disk, const std::function<void(guest::Kernel&)>& at_end) {
  guest::XenPort* port = nullptr;
  world.tags.name_swap("swap");
  world.audit = [&] { return port->audit(); };
  const XenKernel::Before before = [&](model::Machine&, guest::XenPort& its) { port = &its; };
  XenKernel xen{{program(world, 1700), program(world, 1700)}, dell2650(), 10, &disk, before};
  try {
    xen.run();
  } catch (const std::exception& error) {
    return error.what();
  }
  if (const auto wrong = xen.audit()) return *wrong;
  at_end(xen.kernel());
  return "";
}

}  // namespace test::swap
