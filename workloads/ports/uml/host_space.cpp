#include "workloads/ports/uml/host_space.h"

#include "interface/layout.h"
#include "workloads/ports/page_entry.h"

namespace guest {

namespace {

constexpr u32 kHostPages =
    hv::kEntryPresent | hv::kEntryWritable | hv::kEntryLarge | hv::kEntryGlobal | hv::kEntryAccessed | hv::kEntryDirty;

u32 word_of(const HostSpace::Mapping& mapping) {
  return mapping.frame.address() | hv::kEntryPresent | hv::kEntryUser | hv::kEntryAccessed |
         (mapping.writable ? hv::kEntryWritable : 0);
}

}  // namespace

hv::MachineFrame HostFrames::take() {
  if (returned_.empty() && next_ == kHostFrames) throw KernelPanic{"the host", "out of memory"};
  hv::MachineFrame frame{next_};
  if (returned_.empty()) {
    ++next_;
  } else {
    frame = returned_.back();
    returned_.pop_back();
  }
  machine_.memory().zero(frame);
  return frame;
}

HostSpace::HostSpace(HostFrames& frames) : frames_{frames}, directory_{frames.take()} {
  const hw::Words words = frames_.words(directory_);
  for (u32 at = 0; at < kHostFrames * hv::kPageSize; at += kDirectorySlotBytes) {
    words.store(slot_of(kHostStart + at), at | kHostPages);
  }
}

HostSpace::~HostSpace() {
  for (const auto& [slot, frame] : tables_) frames_.give(frame);
  frames_.give(directory_);
}

hw::Words HostSpace::table(u32 slot, bool* made) {
  auto place = tables_.find(slot);
  *made = place == tables_.end();
  if (*made) {
    place = tables_.emplace(slot, frames_.take()).first;
    frames_.words(directory_).store(slot, place->second.address() | kTableEntry);
  }
  return frames_.words(place->second);
}

void HostSpace::map(u32 address, const Mapping& mapping) {
  mappings_.insert_or_assign(address >> hv::kPageShift, mapping);
}

bool HostSpace::unmap(u32 address, u32 bytes) {
  const u32 first_page = address >> hv::kPageShift, end_page = first_page + (bytes >> hv::kPageShift);
  const auto first = mappings_.lower_bound(first_page), end = mappings_.lower_bound(end_page);
  if (first == end) return false;
  for (auto mapping = first; mapping != end; ++mapping) {
    const u32 page = mapping->first;
    const auto place = tables_.find(page / hv::kEntriesPerTable);
    if (place != tables_.end()) frames_.words(place->second).store(page % hv::kEntriesPerTable, 0);
  }
  mappings_.erase(first, end);
  return true;
}

bool HostSpace::fault_in(u32 address, bool write, bool& table_made) {
  const auto mapping = mappings_.find(address >> hv::kPageShift);
  if (mapping == mappings_.end() || (write && !mapping->second.writable)) return false;
  table(slot_of(address), &table_made).store(index_in_table(address), word_of(mapping->second));
  return true;
}

void HostSpace::populate(u32 address, hv::MachineFrame first, u32 pages) {
  for (u32 i = 0; i < pages; ++i, address += hv::kPageSize) {
    bool made;
    const Mapping mapping{hv::MachineFrame{first.number() + i}, true};
    table(slot_of(address), &made).store(index_in_table(address), word_of(mapping) | hv::kEntryDirty);
  }
}

std::optional<HostSpace::Mapping> HostSpace::entry(u32 address) {
  const auto place = tables_.find(slot_of(address));
  if (place == tables_.end()) return std::nullopt;
  const u32 word = frames_.words(place->second).load(index_in_table(address));
  if ((word & hv::kEntryPresent) == 0) return std::nullopt;
  return Mapping{hv::MachineFrame::of_address(word), (word & hv::kEntryWritable) != 0};
}

}  // namespace guest
