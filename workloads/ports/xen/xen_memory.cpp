// The port's page tables: read where they are, changed by requests to the hypervisor, kept for re-use when freed.
#include <algorithm>
#include <array>

#include "interface/layout.h"
#include "workloads/kernel/memory_audit.h"
#include "workloads/ports/page_entry.h"
#include "workloads/ports/xen/xen_port.h"

namespace guest {

namespace {

constexpr std::size_t kMostKeptOfAKind = 256;  // room in each of the two lists

}  // namespace

// --- frames ----------------------------------------------------------------------------------------------------------

u32 XenPort::entry_virtual_address(u32 address) const {
  const u32 page = GuestFrame::of_kernel_address(address).number();
  return entry_address(GuestFrame{start_.table_first + page / hv::kEntriesPerTable}, page % hv::kEntriesPerTable);
}

u32 XenPort::entry_machine_address(u32 address) const {
  const u32 entry = entry_virtual_address(address);
  return machine_frame(GuestFrame::of_kernel_address(entry)).address() | entry % hv::kPageSize;
}

void XenPort::set_machine_frame(GuestFrame frame, hv::MachineFrame machine) {
  frames_[frame.number()] = machine;
  memory_.store(frame_list_address(frame), machine.number());
}

// For an entry that is built. One that was only just read has the machine frame in it already.
hv::MachineFrame XenPort::look_up_machine_frame(GuestFrame frame) {
  if (frame != last_read_) kernel_.touch(frame_list_address(frame), 1, model::Use::read);
  return machine_frame(frame);
}

// The kernel reads its tables where they are, in its map of memory; they hold machine frames.
PageEntry XenPort::entry(const AddressSpace& space, u32 address) {
  const u32 place = entry_address(space.tables.at(slot_of(address)), index_in_table(address));
  kernel_.touch(place, 1, model::Use::read);
  const u32 word = memory_.load(place);
  if ((word & hv::kEntryPresent) == 0) return entry_of(word, GuestFrame{0});
  const u32 reverse = hv::kMachineToPhysStart + hv::MachineFrame::of_address(word).number() * 4;
  kernel_.touch(reverse, 1, model::Use::read);
  last_read_ = GuestFrame{memory_.load(reverse)};
  return entry_of(word, last_read_);
}

// --- the queue -------------------------------------------------------------------------------------------------------

model::Task<> XenPort::flush() {
  const bool disabled = save_and_disable_events();
  co_await updates().flush();
  give_unprotected_tables();
  co_await restore_events(disabled);
}

void XenPort::give_unprotected_tables() {
  for (const GuestFrame table : here().unprotected) kernel_.pages().give(table);
  here().unprotected.clear();
}

// Two requests: the kernel gives up its right to write the page, and asks for it to be checked and kept as a table.
model::Task<> XenPort::protect_table(GuestFrame table, hv::MmuCommand pin) {
  const hv::MachineFrame frame = machine_frame(table);
  co_await updates().update_entry(entry_machine_address(table.kernel_address()), frame.address() | kReadOnlyKernelPage);
  co_await updates().command(pin, frame.address());
}

// And back again. The page may be used when both were done.
model::Task<> XenPort::unprotect_table(GuestFrame table) {
  const hv::MachineFrame frame = machine_frame(table);
  co_await updates().command(hv::MmuCommand::unpin, frame.address());
  co_await updates().update_entry(entry_machine_address(table.kernel_address()), frame.address() | kKernelPage);
  here().unprotected.push_back(table);
}

GuestFrame XenPort::fresh_table() {
  static constexpr std::array<u8, hv::kPageSize> kZeros{};
  const GuestFrame frame = kernel_.take_page();
  memory_.write(frame.kernel_address(), kZeros.data(), hv::kPageSize);
  kernel_.charge_zeroing(hv::kPageSize);
  return frame;
}

// --- tables ----------------------------------------------------------------------------------------------------------

// A table that is kept stays what it is: read-only, pinned, of its type, a directory with its kernel part.
model::Task<> XenPort::keep(std::vector<GuestFrame>& kept, GuestFrame table) {
  if (kept.size() < kMostKeptOfAKind) {
    kept.push_back(table);
  } else {
    co_await unprotect_table(table);
  }
}

model::Task<> XenPort::trim_tables() {
  if (here().kept_tables.size() + here().kept_directories.size() <= kMostKeptTables) co_return;
  const bool disabled = save_and_disable_events();
  while (here().kept_tables.size() + here().kept_directories.size() > kTablesKept) {
    for (std::vector<GuestFrame>* kept : {&here().kept_directories, &here().kept_tables}) {
      if (kept->empty()) continue;
      const GuestFrame table = kept->back();
      kept->pop_back();
      co_await unprotect_table(table);
    }
  }
  co_await restore_events(disabled);
}

model::Task<> XenPort::create_space(AddressSpace& space) {
  if (!here().kept_directories.empty()) {
    space.directory = here().kept_directories.back();
    here().kept_directories.pop_back();
    co_return;
  }
  space.directory = fresh_table();
  // The kernel's part is the same in all of them.
  std::array<u32, hv::kGuestDirectorySlots - kFirstKernelSlot> kernel_slots;
  memory_.read(entry_address(here().loaded_directory, kFirstKernelSlot), kernel_slots.data(), sizeof kernel_slots);
  memory_.write(entry_address(space.directory, kFirstKernelSlot), kernel_slots.data(), sizeof kernel_slots);
  const bool disabled = save_and_disable_events();
  co_await protect_table(space.directory, hv::MmuCommand::pin_l2);
  if (processors_.size() > 1) co_await flush();  // another one may be the first to load it
  co_await restore_events(disabled);
}

model::Task<> XenPort::release_space(AddressSpace& space) {
  const bool disabled = save_and_disable_events();
  co_await keep(here().kept_directories, space.directory);
  co_await restore_events(disabled);
}

u32 XenPort::slot_machine_address(const AddressSpace& space, u32 slot) const {
  return machine_frame(space.directory).address() | slot * static_cast<u32>(sizeof(u32));
}

model::Task<> XenPort::create_table(AddressSpace& space, u32 slot) {
  const bool disabled = save_and_disable_events();
  GuestFrame table{0};
  if (here().kept_tables.empty()) {
    co_await flush();  // taking a page may sleep
    table = fresh_table();
    co_await protect_table(table, hv::MmuCommand::pin_l1);
  } else {
    table = here().kept_tables.back();
    here().kept_tables.pop_back();
  }
  space.tables.emplace(slot, table);
  co_await updates().update_entry(slot_machine_address(space, slot), machine_frame(table).address() | kTableEntry);
  co_await flush();
  co_await restore_events(disabled);
}

model::Task<> XenPort::release_table(AddressSpace& space, u32 slot) {
  const bool disabled = save_and_disable_events();
  const auto table = space.tables.find(slot);
  co_await updates().update_entry(slot_machine_address(space, slot), 0);
  co_await keep(here().kept_tables, table->second);
  space.tables.erase(table);
  co_await restore_events(disabled);
}

model::Task<> XenPort::tables_released(AddressSpace&) {
  co_await flush();
  co_await trim_tables();
}

// --- entries ---------------------------------------------------------------------------------------------------------

model::Task<> XenPort::set_entry(AddressSpace& space, u32 address, PageEntry entry) {
  const bool disabled = save_and_disable_events();
  const hv::MachineFrame table = machine_frame(space.tables.at(slot_of(address)));
  const u32 word = entry_word(entry, entry.present ? look_up_machine_frame(entry.frame) : hv::MachineFrame{0});
  co_await updates().update_entry(table.address() | index_in_table(address) * 4, word);
  co_await restore_events(disabled);
}

// One batch per fault: the entry, and the stale translation where there may be one.
model::Task<> XenPort::entry_installed(AddressSpace& space, u32 address, bool replaced) {
  if (replaced) {
    co_await flush_page(space, address);
  } else {
    co_await flush();
  }
}

model::Task<> XenPort::flush_page(AddressSpace& space, u32 address) {
  const bool disabled = save_and_disable_events();
  if (space.directory == here().loaded_directory) {
    co_await updates().command(hv::MmuCommand::invalidate_page, address & hv::kEntryFrameMask);
  }
  flush_elsewhere(space);
  co_await flush();
  co_await restore_events(disabled);
}

model::Task<> XenPort::flush_range(AddressSpace& space, u32, u32) { return flush_space(space); }

model::Task<> XenPort::flush_space(AddressSpace& space) {
  const bool disabled = save_and_disable_events();
  if (space.directory == here().loaded_directory) co_await updates().command(hv::MmuCommand::flush_tlb, 0);
  flush_elsewhere(space);
  co_await flush();
  co_await restore_events(disabled);
}

// Another virtual CPU that has it loaded is told by an event, and flushes before it goes back to that space's process.
// Pages that leave the domain, or become tables, the hypervisor has flushed everywhere.
void XenPort::flush_elsewhere(const AddressSpace& space) {
  for (u32 i = 0; i < processors_.size(); ++i) {
    if (i == processor() || processors_[i].loaded_directory != space.directory) continue;
    processors_[i].flush_due = true;
    send_reschedule(i);
  }
}

model::Task<> XenPort::flush_here() {
  here().flush_due = false;
  co_await updates().command(hv::MmuCommand::flush_tlb, 0);
  co_await flush();
}

u32 XenPort::kept_pages() const {
  std::size_t pages = 0;
  for (const Processor& each : processors_) {
    pages += each.kept_tables.size() + each.kept_directories.size() + each.unprotected.size();
  }
  return static_cast<u32>(pages);
}

u64 XenPort::page_table_requests() const {
  u64 sum = 0;
  for (const Processor& each : processors_) sum += each.updates.requests();
  return sum;
}

u64 XenPort::page_table_batches() const {
  u64 sum = 0;
  for (const Processor& each : processors_) sum += each.updates.flushes();
  return sum;
}

// --- audit -----------------------------------------------------------------------------------------------------------

std::optional<std::string> XenPort::audit() {
  if (!kernel_.up()) return std::nullopt;
  for (const Processor& processor : processors_) {  // what is queued the tables do not say yet
    if (!processor.updates.empty()) return std::nullopt;
  }
  constexpr u32 kNone = ~0u;
  std::vector<u32> guest_frames(machine_.memory().frame_count(), kNone);  // by machine frame
  for (u32 number = 0; number < frames_.size(); ++number) {
    if (frames_[number].number() < guest_frames.size()) guest_frames[frames_[number].number()] = number;
  }
  const auto entry = [&](u32 word) {
    if ((word & hv::kEntryPresent) == 0) return entry_of(word, GuestFrame{0});
    const u32 frame = guest_frames[hv::MachineFrame::of_address(word).number()];
    return frame == kNone ? PageEntry{} : entry_of(word, GuestFrame{frame});
  };
  const auto read_table = [&](GuestFrame table, TableEntries& entries) {
    const u32 address = machine_frame(table).address();
    for (u32 i = 0; i < entries.size(); ++i) entries[i] = entry(machine_.physical_memory().load(address | i * 4));
  };
  return audit_memory(kernel_, read_table, true);
}

}  // namespace guest
