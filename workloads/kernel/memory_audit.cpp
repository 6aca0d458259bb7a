#include "workloads/kernel/memory_audit.h"

#include <fmt/format.h>

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

std::optional<std::string> count_entries(const Kernel& kernel, const Process& process,
                                         const std::function<PageEntry(const AddressSpace&, u32)>& look_at,
                                         Users& users) {
  const AddressSpace& space = *process.space;
  const auto wrong = [&](const char* what, u32 address) {
    return fmt::format("{}, process {} ({}): {} at {:#010x}", kernel.name(), process.id, process.name, what, address);
  };
  const bool at_its_end = space.areas.empty();  // it is being cleared
  u32 present = 0, swapped = 0;
  for (const auto& [slot, table] : space.tables) {
    for (u32 index = 0; index < hv::kEntriesPerTable; ++index) {
      const u32 address = slot * kDirectorySlotBytes + index * hv::kPageSize;
      const PageEntry entry = look_at(space, address);
      if (entry.empty()) continue;
      const Area* area = space.area_of(address);
      if (area == nullptr && !at_its_end) return wrong("a page outside every area", address);
      if (!entry.present) {
        ++swapped;
        if (entry.swap_slot > kernel.swap().slots()) return wrong("a page in no slot of swap", address);
        ++users.of_slot[entry.swap_slot];
        continue;
      }
      ++present;
      if (entry.writable && !at_its_end && !area->protection.write)
        return wrong("a writable page in a read-only area", address);
      if (entry.frame == kernel.memory().zero_page()) {
        if (entry.writable) return wrong("the page of zeros is writable", address);
        continue;
      }
      if (entry.frame < kernel.pages().first()) return wrong("a page of the kernel's own", address);
      users.add(entry.frame);
    }
  }
  if (at_its_end) return std::nullopt;
  if (present != space.present_pages) return wrong("another number of pages than counted", present);
  if (swapped != space.swapped_pages) return wrong("another number of pages in swap than counted", swapped);
  return std::nullopt;
}

}  // namespace

std::optional<std::string> audit_memory(Kernel& kernel,
                                        const std::function<PageEntry(const AddressSpace&, u32)>& look_at) {
  // A domain may have lost its processor in the middle of an exit or an exec: then its pages are not at rest.
  for (const auto& process : kernel.processes()) {
    if (process->space && process->space->areas.empty() && !process->space->tables.empty()) return std::nullopt;
  }
  Users users{kernel};
  std::set<const Inode*> files;
  for (const auto& process : kernel.processes()) {
    if (!process->space) continue;
    if (auto wrong = count_entries(kernel, *process, look_at, users)) return wrong;
    for (const auto& [start, area] : process->space->areas) {
      if (!area.file || !files.insert(area.file.get()).second) continue;
      for (const auto& [number, page] : area.file->pages) users.add(page->frame);
    }
  }
  for (const auto& [slot, page] : kernel.swap().cache()) {
    users.add(page->frame);
    ++users.of_slot[slot];
    if (kernel.swap().slot_of(page->frame) != slot)
      return fmt::format("{}: slot {} is another page's", kernel.name(), slot);
  }
  for (u32 index = 0; index < users.of_frame.size(); ++index) {
    const GuestFrame frame{users.first + index};
    if (!users.counted[index] || kernel.pages().users(frame) == users.of_frame[index]) continue;
    return fmt::format("{}: page {} has {} users and counts {}", kernel.name(), frame.number(), users.of_frame[index],
                       kernel.pages().users(frame));
  }
  u32 free_slots = 0;
  for (SwapSlot slot = 1; slot < users.of_slot.size(); ++slot) {
    if (users.of_slot[slot] == 0) ++free_slots;
    if (kernel.swap().users(slot) == users.of_slot[slot]) continue;
    return fmt::format("{}: slot {} of swap has {} users and counts {}", kernel.name(), slot, users.of_slot[slot],
                       kernel.swap().users(slot));
  }
  if (free_slots != kernel.swap().free_slots()) return kernel.name() + ": another number of free slots than counted";
  return std::nullopt;
}

}  // namespace guest
