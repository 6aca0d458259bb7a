#include "workloads/ports/direct_tables.h"

#include "interface/layout.h"

namespace guest {

GuestFrame DirectTables::take_page() {
  const GuestFrame frame = kernel_.take_page();
  kernel_.touch(frame.kernel_address(), 1, model::Use::write);
  kernel_.machine().memory().zero(machine_frame(frame));
  kernel_.charge_zeroing(hv::kPageSize);
  return frame;
}

void DirectTables::store(GuestFrame table, u32 index, u32 word) {
  kernel_.touch(entry_address(table, index), 1, model::Use::write);
  words(table).store(index, word);
}

void DirectTables::create_space(AddressSpace& space) {
  space.directory = take_page();
  const hw::Words from = words(master_), to = words(space.directory);
  for (u32 slot = kFirstKernelSlot; slot < hv::kEntriesPerTable; ++slot) to.store(slot, from.load(slot));
}

void DirectTables::release_space(AddressSpace& space) { kernel_.pages().give(space.directory); }

void DirectTables::create_table(AddressSpace& space, u32 slot) {
  GuestFrame table{0};
  if (kept_.empty()) {
    table = take_page();
  } else {
    table = kept_.back();
    kept_.pop_back();
  }
  space.tables.emplace(slot, table);
  store(space.directory, slot, hv::MachineFrame{table.number()}.address() | kTableEntry);
}

void DirectTables::release_table(AddressSpace& space, u32 slot) {
  store(space.directory, slot, 0);
  const auto table = space.tables.find(slot);
  kept_.push_back(table->second);
  space.tables.erase(table);
}

void DirectTables::trim() {
  if (kept_.size() <= kMostKeptTables) return;
  while (kept_.size() > kTablesKept) {
    kernel_.pages().give(kept_.back());
    kept_.pop_back();
  }
}

namespace {

PageEntry entry_in(u32 word) { return entry_of(word, GuestFrame{hv::MachineFrame::of_address(word).number()}); }

}  // namespace

void DirectTables::look_at(GuestFrame table, TableEntries& entries) {
  const hw::Words all = words(table);
  for (u32 i = 0; i < entries.size(); ++i) entries[i] = entry_in(all.load(i));
}

PageEntry DirectTables::entry(const AddressSpace& space, u32 address) {
  const GuestFrame table = space.tables.at(slot_of(address));
  kernel_.touch(entry_address(table, index_in_table(address)), 1, model::Use::read);
  return entry_in(words(table).load(index_in_table(address)));
}

void DirectTables::set_entry(AddressSpace& space, u32 address, const PageEntry& entry) {
  store(space.tables.at(slot_of(address)), index_in_table(address),
        entry_word(entry, hv::MachineFrame{entry.frame.number()}));
}

}  // namespace guest
