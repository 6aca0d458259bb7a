#include "workloads/kernel/memory_map.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "workloads/kernel/file.h"
#include "workloads/kernel/kernel.h"
#include "workloads/kernel/planted.h"

namespace guest {

namespace {

constexpr u32 slot_of(u32 address) { return address / kDirectorySlotBytes; }
constexpr u32 slot_start(u32 slot) { return slot * kDirectorySlotBytes; }

bool is_plain(const Area& area) { return !area.file && !area.shared && !area.grows_down; }

}  // namespace

// Goes through the slots of a range that have a table and stops at entries that say something. Looking costs the same
// for each.
class MemoryMap::Scan {
 public:
  Scan(MemoryMap& map, const AddressSpace& space, u32 start, u32 end)
      : map_{map}, space_{space}, next_{start}, end_{end} {}

  bool next() {
    u32 scanned = 0;
    bool found = false;
    while (!found && next_ < end_) {
      if (!space_.tables.contains(slot_of(next_))) {
        next_ = slot_start(slot_of(next_) + 1);
        continue;
      }
      page_ = next_;
      entry_ = map_.port_.entry(space_, page_);
      found = !entry_.empty();
      next_ += hv::kPageSize;
      ++scanned;
    }
    map_.kernel_.charge(map_.kernel_.paths().entry_scan, scanned);
    return found;
  }
  u32 page() const { return page_; }
  const PageEntry& entry() const { return entry_; }

 private:
  MemoryMap& map_;
  const AddressSpace& space_;
  u32 next_, end_;
  u32 page_ = 0;
  PageEntry entry_;
};

// --- faults ----------------------------------------------------------------------------------------------------------

const Area* MemoryMap::area_for(AddressSpace& space, u32 address) {
  if (const Area* area = space.area_of(address)) return area;
  const auto above = space.areas.upper_bound(address);
  if (above == space.areas.end() || !above->second.grows_down) return nullptr;
  Area stack = above->second;
  stack.start = page_of(address);
  if (stack.end - stack.start > kStackLimit) return nullptr;
  space.areas.erase(above);
  return &space.areas.emplace(stack.start, stack).first->second;
}

model::Task<bool> MemoryMap::fault(AddressSpace& space, u32 address, bool write) {
  kernel_.charge(kernel_.paths().page_fault);
  const Area* found = area_for(space, address);
  if (found == nullptr) co_return false;
  const Area area = *found;
  if (write ? !area.protection.write : !area.protection.read && !area.protection.execute) co_return false;

  const u32 page = page_of(address);
  co_await ensure_table(space, page);
  PageEntry entry = port_.entry(space, page);
  if (entry.swap_slot != 0) {
    co_return co_await map_swapped(space, area, page, entry.swap_slot, write);
  } else if (!entry.present) {
    if (area.file) co_return co_await map_file_page(space, area, page, write);
    co_await map_zeros(space, page, write);
  } else if (write && !entry.writable) {
    co_await make_writable(space, area, page, entry);
  } else {  // it is there: the access came before the entry was seen, or wants its accessed or dirty bit
    entry.accessed = true;
    entry.dirty = entry.dirty || write;
    co_await install(space, page, entry, true);
  }
  co_return true;
}

model::Task<> MemoryMap::ensure_table(AddressSpace& space, u32 address) {
  if (space.tables.contains(slot_of(address))) co_return;
  co_await kernel_.reclaim().make_room(PageUse::kernel);
  kernel_.charge(kernel_.paths().table_create);
  co_await port_.create_table(space, slot_of(address));
}

model::Task<> MemoryMap::install(AddressSpace& space, u32 page, PageEntry entry, bool replaced) {
  if (!replaced) ++space.present_pages;
  co_await port_.set_entry(space, page, entry);
  co_await port_.entry_installed(space, page, replaced);
}

model::Task<> MemoryMap::map_zeros(AddressSpace& space, u32 page, bool write) {
  kernel_.charge(kernel_.paths().fault_zero);
  GuestFrame frame = zero_page_;
  if (write) frame = co_await fresh_page_of_zeros();
  co_await install(space, page, {.frame = frame, .present = true, .writable = write, .accessed = true, .dirty = write},
                   false);
}

model::Task<bool> MemoryMap::map_file_page(AddressSpace& space, const Area& area, u32 page, bool write) {
  kernel_.charge(kernel_.paths().fault_file);
  const BlockPointer cached = co_await file_page(area, page);
  if (!cached) co_return false;
  const bool private_copy = write && !area.shared;
  PageEntry entry{.frame = cached->frame, .present = true, .accessed = true, .dirty = write};
  if (private_copy) {
    entry.frame = co_await fresh_copy();
  } else {
    kernel_.pages().share(cached->frame);
  }
  kernel_.objects().look_up(cached->frame.number());
  kernel_.objects().use_page_record(cached->frame);
  entry.writable = private_copy || (area.shared && area.protection.write);
  co_await install(space, page, entry, false);
  co_return true;
}

// A page comes back from swap. If nobody else has it, it can be written at once; else that is the next fault.
model::Task<bool> MemoryMap::map_swapped(AddressSpace& space, const Area& area, u32 page, u32 slot, bool write) {
  kernel_.charge(kernel_.paths().swap_in);
  SwapSpace& swap = kernel_.swap();
  const BlockPointer cached = co_await swap.page(slot);
  if (!cached) co_return false;
  const GuestFrame frame = cached->frame;
  kernel_.pages().share(frame);
  --space.swapped_pages;
  const bool sole = GUEST_PLANTED(shared_page_written) ||
                    (swap.users(slot) == 2 && kernel_.pages().users(frame) == 2);  // this entry and the swap cache
  swap.release(slot);
  const bool writable = write && sole && area.protection.write;
  if (sole && swap.scarce() && swap.exclusive(frame)) swap.leave(frame);
  co_await install(space, page,
                   {.frame = frame,
                    .present = true,
                    .writable = writable,
                    .accessed = true,
                    .dirty = writable || swap.slot_of(frame) == 0},
                   false);
  co_return true;
}

// Copy on write; the last one who has the page keeps it.
model::Task<> MemoryMap::make_writable(AddressSpace& space, const Area& area, u32 page, PageEntry entry) {
  kernel_.charge(kernel_.paths().fault_copy);
  const GuestFrame old = entry.frame;
  const bool keep =
      area.shared || (old != zero_page_ && (kernel_.pages().users(old) == 1 || kernel_.swap().exclusive(old)));
  if (!keep) {
    if (old == zero_page_) {
      entry.frame = co_await fresh_page_of_zeros();
    } else {
      entry.frame = co_await fresh_copy();
    }
    const PageEntry now = port_.entry(space, page);
    if (!now.present || now.frame != old) {  // it was taken away meanwhile: the access will say so
      release_page(entry.frame);
      co_return;
    }
  }
  entry.writable = entry.accessed = entry.dirty = true;
  co_await install(space, page, entry, true);
  if (!keep) release_page(old);
}

// Null: beyond the end of the file, or it cannot be read.
model::Task<BlockPointer> MemoryMap::file_page(const Area& area, u32 page) {
  const u32 number = area.file_page + (page - area.start) / hv::kPageSize;
  if (u64{number} * hv::kPageSize >= area.file->bytes) co_return nullptr;
  co_return co_await area.file->page_for_fault(number);
}

model::Task<GuestFrame> MemoryMap::fresh_page_of_zeros() {
  const GuestFrame frame = co_await kernel_.reclaim().take_page(PageUse::user);
  kernel_.pages().lists().add(frame, nullptr);
  kernel_.charge_zeroing(hv::kPageSize);
  co_return frame;
}

model::Task<GuestFrame> MemoryMap::fresh_copy() {
  const GuestFrame frame = co_await kernel_.reclaim().take_page(PageUse::user);
  kernel_.pages().lists().add(frame, nullptr);
  const model::Machine& machine = kernel_.machine();
  kernel_.cpu().charge(machine.clock().cycles_in(machine.file().memory.copy_page_cached), model::Cause::bytes);
  co_return frame;
}

// The last one to have a page that is in the swap cache too takes it out of there.
void MemoryMap::release_page(GuestFrame frame) {
  if (frame == zero_page_) return;
  kernel_.objects().use_page_record(frame);
  if (kernel_.swap().exclusive(frame)) kernel_.swap().leave(frame);
  kernel_.pages().give(frame);
}

// --- areas -----------------------------------------------------------------------------------------------------------

u32 MemoryMap::room_for(const AddressSpace& space, u32 bytes) const {
  u32 start = kMappingBase;
  for (const auto& [area_start, area] : space.areas) {
    if (area.end <= start) continue;
    if (area_start >= start && area_start - start >= bytes) break;
    start = area.end;
  }
  return kUserStackTop - kStackLimit - start < bytes ? 0 : start;
}

model::Task<u32> MemoryMap::map(AddressSpace& space, Area area) {
  kernel_.charge(kernel_.paths().area_map);
  const u32 bytes = area.end - area.start;
  if (bytes == 0 || bytes > kUserStackTop || area.start > kUserStackTop - bytes)
    kernel_.panic("mmap of no user memory");
  if (!area.shared && area.protection.write && !kernel_.reclaim().enough_memory(bytes / hv::kPageSize)) co_return 0;
  if (area.start == 0) {
    area.start = room_for(space, bytes);
    if (area.start == 0) co_return 0;
    area.end = area.start + bytes;
  } else {
    co_await unmap(space, area.start, area.end);
  }
  insert(space, area);
  co_return area.start;
}

void MemoryMap::insert(AddressSpace& space, Area area) {
  const u32 start = area.start;
  const auto place = space.areas.emplace(start, std::move(area)).first;
  merge_with_next(space, place);
  if (place != space.areas.begin()) merge_with_next(space, std::prev(place));
}

void MemoryMap::merge_with_next(AddressSpace& space, std::map<u32, Area>::iterator area) {
  const auto next = std::next(area);
  if (next == space.areas.end() || area->second.end != next->second.start) return;
  if (!is_plain(area->second) || !is_plain(next->second)) return;
  if (area->second.protection != next->second.protection) return;
  area->second.end = next->second.end;
  space.areas.erase(next);
}

void MemoryMap::split(AddressSpace& space, u32 address) {
  const Area* found = space.area_of(address);
  if (found == nullptr || found->start == address) return;
  Area& lower = space.areas.at(found->start);
  Area upper = lower;
  upper.start = address;
  upper.file_page += (address - lower.start) / hv::kPageSize;
  lower.end = address;
  space.areas.emplace(address, std::move(upper));
}

model::Task<> MemoryMap::unmap(AddressSpace& space, u32 start, u32 end) {
  split(space, start);
  split(space, end);
  bool any = false;
  for (auto next = space.areas.lower_bound(start); next != space.areas.end() && next->first < end;) {
    const Area area = next->second;
    next = space.areas.erase(next);
    kernel_.charge(kernel_.paths().area_unmap);
    co_await zap(space, area);
    any = true;
  }
  if (any) co_await release_free_tables(space, start, end);
}

// Clears the entries of an area, which is one flush even if there are none.
model::Task<> MemoryMap::zap(AddressSpace& space, const Area& area) {
  for (Scan scan{*this, space, area.start, area.end}; scan.next();) {
    const PageEntry entry = scan.entry();
    kernel_.charge(kernel_.paths().entry_clear);
    co_await port_.set_entry(space, scan.page(), {});
    if (!entry.present) {
      --space.swapped_pages;
      kernel_.swap().release(entry.swap_slot);
      continue;
    }
    --space.present_pages;
    if (area.shared && area.file && entry.dirty) {
      area.file->dirtied(area.file_page + (scan.page() - area.start) / hv::kPageSize);
    }
    release_page(entry.frame);
  }
  co_await port_.flush_range(space, area.start, area.end);
}

// Tables of 4 MB slots in which no area is left, between the neighbours of what was unmapped.
model::Task<> MemoryMap::release_free_tables(AddressSpace& space, u32 start, u32 end) {
  const auto above = space.areas.lower_bound(end);
  const u32 from = above == space.areas.begin() ? 0 : std::prev(above)->second.end;
  const u32 to = above == space.areas.end() ? kKernelStart : above->first;
  const u32 first = std::max(slot_of(start), slot_of(from + kDirectorySlotBytes - 1));
  const u32 last = std::min(slot_of(end + kDirectorySlotBytes - 1), slot_of(to));
  if (first >= last) co_return;
  for (u32 slot = first; slot < last; ++slot) {
    if (space.tables.contains(slot)) co_await port_.release_table(space, slot);
  }
  co_await port_.tables_released(space);
}

model::Task<> MemoryMap::protect(AddressSpace& space, u32 start, u32 end, Protection protection) {
  split(space, start);
  split(space, end);
  for (u32 at = start; at < end;) {
    const auto found = space.areas.find(at);
    if (found == space.areas.end()) kernel_.panic(fmt::format("mprotect of memory that is not mapped at {:#x}", at));
    at = found->second.end;
    kernel_.charge(kernel_.paths().area_protect);
    if (found->second.protection == protection) continue;
    found->second.protection = protection;
    const Area area = found->second;
    for (Scan scan{*this, space, area.start, area.end}; scan.next();) {
      PageEntry entry = scan.entry();
      if (!entry.present) continue;
      entry.writable = area.shared && protection.write;  // a private one is copied, or kept, at its next write
      co_await port_.set_entry(space, scan.page(), {});  // so that no accessed or dirty bit is lost on the way
      co_await port_.set_entry(space, scan.page(), entry);
    }
    co_await port_.flush_range(space, area.start, area.end);
  }
  for (auto area = space.areas.lower_bound(end); area != space.areas.begin() && std::prev(area)->second.end >= start;) {
    merge_with_next(space, --area);
  }
}

model::Task<u32> MemoryMap::grow_break(AddressSpace& space, u32 bytes) {
  kernel_.charge(kernel_.paths().break_set);
  const u32 old = space.break_end;
  if (!kernel_.reclaim().enough_memory(bytes / hv::kPageSize)) co_return 0;
  space.break_end += bytes;
  Area heap{.start = whole_pages(old), .end = whole_pages(space.break_end), .protection = {.write = true}};
  if (heap.start == heap.end) co_return old;
  const auto next = space.areas.lower_bound(heap.start);
  if (next != space.areas.end() && next->first < heap.end) kernel_.panic("brk into another mapping");
  insert(space, std::move(heap));
  co_return old;
}

model::Task<> MemoryMap::map_stack(AddressSpace& space) {
  constexpr u32 kPage = kUserStackTop - hv::kPageSize;
  const GuestFrame arguments = co_await fresh_page_of_zeros();
  insert(space, {.start = kPage, .end = kUserStackTop, .protection = {.write = true}, .grows_down = true});
  co_await ensure_table(space, kPage);
  co_await install(space, kPage,
                   {.frame = arguments, .present = true, .writable = true, .accessed = true, .dirty = true}, false);
}

// --- whole address spaces --------------------------------------------------------------------------------------------

model::Task<> MemoryMap::copy(AddressSpace& from, AddressSpace& to) {
  to.areas = from.areas;
  to.break_start = from.break_start;
  to.break_end = from.break_end;
  for (const auto& [start, area] : from.areas) {
    kernel_.charge(kernel_.paths().area_copy);
    co_await copy_area(from, to, area);
  }
  co_await port_.flush_space(from);  // it has lost write rights
}

model::Task<> MemoryMap::copy_area(AddressSpace& from, AddressSpace& to, const Area& area) {
  for (u32 slot = slot_of(area.start); slot <= slot_of(area.end - 1); ++slot) {
    if (!from.tables.contains(slot)) continue;
    co_await ensure_table(to, slot_start(slot));
    const u32 start = std::max(area.start, slot_start(slot));
    const u32 end = std::min(area.end - 1, slot_start(slot) + (kDirectorySlotBytes - 1)) + 1;
    for (Scan scan{*this, from, start, end}; scan.next();) {
      PageEntry entry = scan.entry();
      kernel_.charge(kernel_.paths().entry_copy);
      if (!entry.present) {
        if (!GUEST_PLANTED(slot_not_shared)) kernel_.swap().share(entry.swap_slot);
        ++to.swapped_pages;
        co_await port_.set_entry(to, scan.page(), entry);
        continue;
      }
      if (!area.shared && entry.writable) {
        entry.writable = false;
        co_await port_.set_entry(from, scan.page(), entry);
      }
      if (area.shared) entry.dirty = false;  // the parent's entry says it
      entry.accessed = false;
      if (entry.frame != zero_page_) {
        kernel_.objects().use_page_record(entry.frame);
        kernel_.pages().share(entry.frame);
      }
      ++to.present_pages;
      co_await port_.set_entry(to, scan.page(), entry);
    }
  }
}

model::Task<> MemoryMap::clear(AddressSpace& space) {
  // From here on nothing is mapped, and the ports see that the space is at its end.
  for (const auto& [start, area] : std::exchange(space.areas, {})) {
    kernel_.charge(kernel_.paths().area_release);
    co_await zap(space, area);
  }
  co_await port_.flush_space(space);
  while (!space.tables.empty()) co_await port_.release_table(space, space.tables.begin()->first);
  co_await port_.tables_released(space);
}

}  // namespace guest
