#include "workloads/ports/vmware/shadow_tables.h"

#include <fmt/format.h>

#include <algorithm>

#include "workloads/ports/page_entry.h"

namespace guest {

namespace {

// The hardware need not set what is set already; what the guest's directory allows is in the leaf's rights.
constexpr u32 kShadowDirectoryEntry = kTableEntry;
constexpr u32 kShadowEntry = hv::kEntryPresent | hv::kEntryAccessed;
constexpr u32 kShadowWritable = hv::kEntryWritable | hv::kEntryDirty;

}  // namespace

ShadowTables::ShadowTables(model::Machine& machine, GuestMemory& memory, hv::MachineFrame first, u32 pages,
                           bool share_large)
    : machine_{machine}, memory_{memory}, share_large_{share_large} {
  for (u32 i = pages; i-- > 0;) free_.emplace_back(first.number() + i);
}

// --- directories -----------------------------------------------------------------------------------------------------

std::optional<GuestFrame> ShadowTables::loaded() const {
  return spaces_.empty() ? std::nullopt : std::optional{spaces_.front().directory};
}

void ShadowTables::load(GuestFrame directory) {
  const auto cached =
      std::find_if(spaces_.begin(), spaces_.end(), [&](const Space& space) { return space.directory == directory; });
  if (cached != spaces_.end()) {
    spaces_.splice(spaces_.begin(), spaces_, cached);
  } else {
    const hv::MachineFrame frame = take_page();
    spaces_.push_front({directory, frame, {}});
    trace(directory, {spaces_.begin(), std::nullopt});
  }
  machine_.running().load_page_table_base(spaces_.front().frame);
}

hv::MachineFrame ShadowTables::take_page() {
  if (free_.empty()) {
    if (spaces_.size() > 1) {
      evict(std::prev(spaces_.end()));
    } else {  // one address space that needs more than there is: begin again
      drop_tables(spaces_.begin());
      machine_.running().load_page_table_base(spaces_.front().frame);
    }
    ++evictions_;
  }
  const hv::MachineFrame frame = free_.back();
  free_.pop_back();
  machine_.memory().zero(frame);
  return frame;
}

void ShadowTables::evict(Spaces::iterator space) {
  drop_tables(space);
  traced_.erase(space->directory);
  free_.push_back(space->frame);
  spaces_.erase(space);
}

// --- tables and entries ----------------------------------------------------------------------------------------------

ShadowTables::Fault ShadowTables::resolve(u32 address, model::Access access) {
  const auto space = spaces_.begin();
  GuestMemory::Walk walk = memory_.walk(space->directory, address);
  if (!walk.allows(access)) return Fault::guest;
  // Not one store, which would be emulated: the guest uses the frame for something else now.
  if (access.write && traced(walk.frame)) forget(walk.frame);
  memory_.mark_used(space->directory, address, walk, access.write);
  walk.dirty |= access.write;

  const hw::Words table = words(table_for(address, walk));
  drop_entry(space, address);
  const bool writable = walk.rights.writable && walk.dirty && !traced(walk.frame);
  table.store(index_in_table(address), memory_.machine_frame(walk.frame).address() | kShadowEntry |
                                           (walk.rights.user ? hv::kEntryUser : 0) | (writable ? kShadowWritable : 0));
  if (writable) {
    writable_[walk.frame.number()].push_back({space->tables.at(slot_of(address)).frame, address & hv::kEntryFrameMask});
  }
  return Fault::filled;
}

hv::MachineFrame ShadowTables::table_for(u32 address, const GuestMemory::Walk& walk) {
  const auto space = spaces_.begin();
  const u32 slot = slot_of(address);
  const auto present = space->tables.find(slot);
  if (present != space->tables.end()) return present->second.frame;
  const Table table = make_table(slot, walk);
  space->tables.emplace(slot, table);
  words(space->frame).store(slot, table.frame.address() | kShadowDirectoryEntry);
  if (table.guest) trace(*table.guest, {space, slot});
  return table.frame;
}

// The entry of a large page that is shared is dirty, so that nothing in it has still to be told to the guest: entries
// of the one table then say of each directory what its own would. A store to any of those entries ends that one's part.
ShadowTables::Table ShadowTables::make_table(u32 slot, const GuestMemory::Walk& walk) {
  if (!walk.large) return {take_page(), walk.leaf_table, std::nullopt};
  if (!share_large_ || !walk.dirty) return {take_page(), std::nullopt, std::nullopt};
  const u32 entry = memory_.load(walk.leaf_table, slot);
  auto shared = shared_.find(entry);
  if (shared == shared_.end()) {
    const hv::MachineFrame frame = take_page();  // which may have given others up
    shared = shared_.emplace(entry, SharedTable{frame}).first;
  }
  ++shared->second.users;
  return {shared->second.frame, std::nullopt, entry};
}

// The TLB may go on with what was there until the guest flushes it, as it may on hardware.
void ShadowTables::drop_entry(Spaces::iterator space, u32 address) {
  const auto table = space->tables.find(slot_of(address));
  if (table != space->tables.end()) drop_entry(table->second.frame, address);
}

void ShadowTables::drop_entry(hv::MachineFrame table, u32 address) {
  const hw::Words entries = words(table);
  const u32 word = entries.load(index_in_table(address));
  entries.store(index_in_table(address), 0);
  if ((word & hv::kEntryWritable) == 0) return;
  const u32 frame = memory_.guest_frame(hv::MachineFrame::of_address(word)).number();
  const auto mappings = writable_.find(frame);
  std::erase_if(mappings->second, [&](const Mapping& mapping) {
    return mapping.table == table && mapping.address == (address & hv::kEntryFrameMask);
  });
  if (mappings->second.empty()) writable_.erase(mappings);
}

void ShadowTables::drop_table(Spaces::iterator space, u32 slot) {
  const auto table = space->tables.find(slot);
  if (table == space->tables.end()) return;
  const Table gone = table->second;
  space->tables.erase(table);
  words(space->frame).store(slot, 0);
  if (gone.guest) traced_.erase(*gone.guest);
  if (gone.shared) {
    const auto shared = shared_.find(*gone.shared);
    if (--shared->second.users > 0) return;
    shared_.erase(shared);
  }
  const hw::Words entries = words(gone.frame);
  for (u32 index = 0; index < hv::kEntriesPerTable; ++index) {
    if (entries.load(index) != 0) drop_entry(gone.frame, slot * kDirectorySlotBytes + index * hv::kPageSize);
  }
  free_.push_back(gone.frame);
}

void ShadowTables::drop_tables(Spaces::iterator space) {
  while (!space->tables.empty()) drop_table(space, space->tables.begin()->first);
}

void ShadowTables::invalidate(u32 address) {
  drop_entry(spaces_.begin(), address);
  machine_.running().invalidate_page(address);
}

// --- traces ----------------------------------------------------------------------------------------------------------

void ShadowTables::trace(GuestFrame frame, Traced use) {
  if (traced(frame)) forget(frame);
  traced_.emplace(frame, use);
  const auto mappings = writable_.find(frame.number());
  if (mappings == writable_.end()) return;
  for (const Mapping& mapping : mappings->second) {
    const hw::Words entries = words(mapping.table);
    const u32 index = index_in_table(mapping.address);
    entries.store(index, entries.load(index) & ~kShadowWritable);
    if (loaded_through(mapping.table, mapping.address)) machine_.running().invalidate_page(mapping.address);
  }
  writable_.erase(mappings);
}

bool ShadowTables::loaded_through(hv::MachineFrame table, u32 address) const {
  const auto& tables = spaces_.front().tables;
  const auto found = tables.find(slot_of(address));
  return found != tables.end() && found->second.frame == table;
}

void ShadowTables::forget(GuestFrame frame) {
  const Traced use = traced_.at(frame);
  if (use.slot) {
    drop_table(use.space, *use.slot);
  } else if (use.space == spaces_.begin()) {
    machine_.stop("the guest overwrites the page directory that it runs on");
  } else {
    evict(use.space);
  }
}

void ShadowTables::emulate_store(GuestFrame table, u32 index, u32 word) {
  const Traced use = traced_.at(table);
  const bool changed = memory_.load(table, index) != word;
  memory_.store(table, index, word);
  if (!changed) return;
  if (use.slot) {
    drop_entry(use.space, *use.slot * kDirectorySlotBytes + index * hv::kPageSize);
  } else {
    drop_table(use.space, index);
  }
}

// --- what must hold --------------------------------------------------------------------------------------------------

std::optional<std::string> ShadowTables::audit() const {
  for (const Space& space : spaces_) {
    for (const auto& [slot, table] : space.tables) {
      const hw::Words entries = words(table.frame);
      for (u32 index = 0; index < hv::kEntriesPerTable; ++index) {
        const u32 word = entries.load(index);
        if (word == 0) continue;
        if (auto wrong = audit(space, slot * kDirectorySlotBytes + index * hv::kPageSize, word)) return wrong;
      }
    }
  }
  return std::nullopt;
}

std::optional<std::string> ShadowTables::audit(const Space& space, u32 address, u32 word) const {
  const GuestMemory::Walk walk = memory_.walk(space.directory, address);
  const auto wrong = [&](const char* what) {
    return fmt::format("the shadow entry for {:#010x} under directory {:#x} {}", address, space.directory.number(),
                       what);
  };
  if (!walk.present) return wrong("is present and the guest's is not");
  if (memory_.guest_frame(hv::MachineFrame::of_address(word)) != walk.frame) return wrong("has another frame");
  if ((word & hv::kEntryUser) != 0 && !walk.rights.user) return wrong("lets user mode in and the guest's does not");
  if ((word & hv::kEntryWritable) == 0) return std::nullopt;
  if (!walk.rights.writable) return wrong("is writable and the guest's is not");
  if (!walk.dirty) return wrong("is writable though the guest's is clean");
  if (traced(walk.frame)) return wrong("lets a traced page table be written");
  return std::nullopt;
}

}  // namespace guest
