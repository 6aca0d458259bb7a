#include "workloads/kernel/memory_audit.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <vector>

#include "workloads/kernel/file.h"
#include "workloads/kernel/kernel.h"

namespace guest {

namespace {

// Who uses what, as far as it can be seen from the processes and the caches.
struct Users {
  std::vector<u32> of_frame, of_slot;  // of page frames and of slots of swap
  std::vector<bool> counted;           // frames
  u32 first;

  Users(const Kernel& kernel)
      : of_frame(kernel.pages().frames()),
        of_slot(kernel.swap().slots() + 1),
        counted(kernel.pages().frames()),
        first{kernel.pages().first().number()} {}
  void add(GuestFrame frame) {
    ++of_frame[frame.number() - first];
    counted[frame.number() - first] = true;
  }
};

u32 difference(u32 a, u32 b) { return a > b ? a - b : b - a; }

// A domain may have lost its processor in the middle of a fork, a fault or an exit. Nothing sleeps between a change of
// an entry and that of the counts for it, so what is under way are at most as many such steps as processes are on
// processors, each with one page, or slot, that no entry shows yet or any more.
u32 steps_under_way(const Kernel& kernel) {
  return static_cast<u32>(
      std::ranges::count_if(kernel.processes(), [](const auto& process) { return process->on_processor; }));
}

std::optional<std::string> count_entries(const Kernel& kernel, const Process& process, const ReadTable& read_table,
                                         u32 steps, Users& users) {
  const AddressSpace& space = *process.space;
  const auto wrong = [&](const char* what, u32 address) {
    return fmt::format("{}, process {} ({}): {} at {:#010x}", kernel.name(), process.id, process.name, what, address);
  };
  // Its areas say already what its entries will.
  const bool changing = space.areas.empty() || (steps > 0 && process.on_processor);
  u32 present = 0, swapped = 0;
  TableEntries entries;
  for (const auto& [slot, table] : space.tables) {
    read_table(table, entries);
    for (u32 index = 0; index < hv::kEntriesPerTable; ++index) {
      const PageEntry& entry = entries[index];
      if (entry.empty()) continue;
      const u32 address = slot * kDirectorySlotBytes + index * hv::kPageSize;
      const Area* area = space.area_of(address);
      if (area == nullptr && !changing) return wrong("a page outside every area", address);
      if (!entry.present) {
        ++swapped;
        if (entry.swap_slot > kernel.swap().slots()) return wrong("a page in no slot of swap", address);
        ++users.of_slot[entry.swap_slot];
        continue;
      }
      ++present;
      if (entry.writable && !changing && !area->protection.write)
        return wrong("a writable page in a read-only area", address);
      if (entry.frame == kernel.memory().zero_page()) {
        if (entry.writable) return wrong("the page of zeros is writable", address);
        continue;
      }
      if (entry.frame < kernel.pages().first()) return wrong("a page of the kernel's own", address);
      users.add(entry.frame);
    }
  }
  if (difference(present, space.present_pages) > steps) return wrong("another number of pages than counted", present);
  if (difference(swapped, space.swapped_pages) > steps)
    return wrong("another number of pages in swap than counted", swapped);
  return std::nullopt;
}

}  // namespace

std::optional<std::string> audit_memory(Kernel& kernel, const ReadTable& read_table, bool interrupted) {
  const u32 steps = interrupted ? steps_under_way(kernel) : 0;
  Users users{kernel};
  std::set<const Inode*> files;
  for (const auto& process : kernel.processes()) {
    if (!process->space) continue;
    if (auto wrong = count_entries(kernel, *process, read_table, steps, users)) return wrong;
    for (const auto& [start, area] : process->space->areas) {
      if (!area.file || !files.insert(area.file.get()).second) continue;
      area.file->pages.for_each([&](const BlockPointer& page) { users.add(page->frame); });
    }
  }
  for (const auto& [slot, page] : kernel.swap().cache()) {
    users.add(page->frame);
    ++users.of_slot[slot];
    if (kernel.swap().slot_of(page->frame) != slot)
      return fmt::format("{}: slot {} is another page's", kernel.name(), slot);
  }
  u32 off = 0;
  for (u32 index = 0; index < users.of_frame.size(); ++index) {
    const GuestFrame frame{users.first + index};
    if (!users.counted[index]) continue;
    off += difference(kernel.pages().users(frame), users.of_frame[index]);
    if (off <= steps) continue;
    return fmt::format("{}: page {} has {} users and counts {}", kernel.name(), frame.number(), users.of_frame[index],
                       kernel.pages().users(frame));
  }
  off = 0;
  u32 free_slots = 0;
  for (SwapSlot slot = 1; slot < users.of_slot.size(); ++slot) {
    if (users.of_slot[slot] == 0) ++free_slots;
    off += difference(kernel.swap().users(slot), users.of_slot[slot]);
    if (off <= steps) continue;
    return fmt::format("{}: slot {} of swap has {} users and counts {}", kernel.name(), slot, users.of_slot[slot],
                       kernel.swap().users(slot));
  }
  if (difference(free_slots, kernel.swap().free_slots()) > steps)
    return kernel.name() + ": another number of free slots than counted";
  if (const auto wrong = kernel.pages().audit()) return kernel.name() + ": " + *wrong;
  return std::nullopt;
}

}  // namespace guest
