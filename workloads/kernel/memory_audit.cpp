#include "workloads/kernel/memory_audit.h"

#include <fmt/format.h>

#include <map>

#include "workloads/kernel/file.h"
#include "workloads/kernel/kernel.h"

namespace guest {

namespace {

// Users of a page, as far as they can be seen from the processes.
using Users = std::map<GuestFrame, u32>;

std::optional<std::string> count_entries(const Kernel& kernel, const Process& process,
                                         const std::function<PageEntry(const AddressSpace&, u32)>& look_at,
                                         Users& users) {
  const AddressSpace& space = *process.space;
  const auto wrong = [&](const char* what, u32 address) {
    return fmt::format("{}, process {} ({}): {} at {:#010x}", kernel.name(), process.id, process.name, what, address);
  };
  u32 present = 0;
  for (const auto& [slot, table] : space.tables) {
    for (u32 index = 0; index < hv::kEntriesPerTable; ++index) {
      const u32 address = slot * kDirectorySlotBytes + index * hv::kPageSize;
      const PageEntry entry = look_at(space, address);
      if (!entry.present) continue;
      ++present;
      const Area* area = space.area_of(address);
      if (area == nullptr) return wrong("a page outside every area", address);
      if (entry.writable && !area->protection.write) return wrong("a writable page in a read-only area", address);
      if (entry.frame == kernel.memory().zero_page()) {
        if (entry.writable) return wrong("the page of zeros is writable", address);
        continue;
      }
      ++users[entry.frame];
    }
  }
  if (present != space.present_pages) return wrong("another number of pages than counted", present);
  return std::nullopt;
}

}  // namespace

std::optional<std::string> audit_memory(Kernel& kernel,
                                        const std::function<PageEntry(const AddressSpace&, u32)>& look_at) {
  Users users;
  std::map<GuestFrame, const Inode*> cached;
  for (const auto& process : kernel.processes()) {
    if (!process->space) continue;
    if (auto wrong = count_entries(kernel, *process, look_at, users)) return wrong;
    for (const auto& [start, area] : process->space->areas) {
      if (!area.file) continue;
      for (const auto& [number, page] : area.file->pages) cached.emplace(page->frame, area.file.get());
    }
  }
  for (const auto& [frame, inode] : cached) ++users[frame];
  for (const auto& [frame, count] : users) {
    if (kernel.pages().users(frame) == count) continue;
    return fmt::format("{}: page {} has {} users and counts {}", kernel.name(), frame.number(), count,
                       kernel.pages().users(frame));
  }
  return std::nullopt;
}

}  // namespace guest
