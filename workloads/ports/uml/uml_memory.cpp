// The guest's page tables, and what the host has mapped by them.
#include <fmt/format.h>

#include "interface/layout.h"
#include "workloads/kernel/memory_audit.h"
#include "workloads/ports/uml/uml_port.h"

namespace guest {

namespace {

constexpr u32 kEntriesPerLine = 16;
constexpr u32 kMayWrite = hv::kEntryWritable | hv::kEntryAccessed | hv::kEntryDirty;

}  // namespace

model::Task<> UmlPort::create_space(AddressSpace& space) {
  constexpr u32 kCalls = 2;  // open /proc/mm, copy the segments of the LDT
  tables_.create_space(space);
  host_.call(kCalls);
  host_.open_space(id_of(space));
  return {};
}

model::Task<> UmlPort::release_space(AddressSpace& space) {
  host_.call();  // close
  host_.close_space(id_of(space));
  tables_.release_space(space);
  return {};
}

model::Task<> UmlPort::create_table(AddressSpace& space, u32 slot) {
  tables_.create_table(space, slot);
  return {};
}

model::Task<> UmlPort::release_table(AddressSpace& space, u32 slot) {
  tables_.release_table(space, slot);
  return {};
}

PageEntry UmlPort::entry(const AddressSpace& space, u32 address) { return tables_.entry(space, address); }

model::Task<> UmlPort::set_entry(AddressSpace& space, u32 address, PageEntry entry) {
  tables_.set_entry(space, address, entry);
  return {};
}

// After every fault its entry is young, and dirty if it may be written, so that the access does not fault again.
model::Task<> UmlPort::entry_installed(AddressSpace& space, u32 address, bool) {
  const hw::Words table = tables_.words(space.tables.at(slot_of(address)));
  const u32 word = table.load(index_in_table(address));
  const u32 dirty = (word & hv::kEntryWritable) != 0 ? hv::kEntryDirty : 0;
  table.store(index_in_table(address), word | hv::kEntryAccessed | dirty);
  synchronize_entry(space, address & hv::kEntryFrameMask, Which::changed);
  return {};
}

model::Task<> UmlPort::flush_page(AddressSpace& space, u32 address) {
  synchronize_entry(space, address & hv::kEntryFrameMask, Which::changed);
  return {};
}

model::Task<> UmlPort::flush_range(AddressSpace& space, u32 start, u32 end) {
  synchronize(space, start, end, Which::changed);
  return {};
}

// First the guest kernel's own range, in which it unmaps once more what is not mapped.
model::Task<> UmlPort::flush_space(AddressSpace& space) {
  host_.call(file_.kernel_range_tables * hv::kEntriesPerTable);
  synchronize(space, 0, kKernelStart, Which::changed);
  return {};
}

model::Task<> UmlPort::tables_released(AddressSpace&) {  // the next flush of the space will tell the host
  tables_.trim();
  co_return;
}

// --- the host is told ------------------------------------------------------------------------------------------------

void UmlPort::synchronize(AddressSpace& space, u32 start, u32 end, Which which) {
  u32 looked_at = 0;
  for (u32 address = start; address < end; ++looked_at) {
    const auto table = space.tables.find(slot_of(address));
    if (table == space.tables.end()) {
      synchronize_slot(space, slot_of(address), which);
      address = (slot_of(address) + 1) * kDirectorySlotBytes;
      continue;
    }
    if (address == start || index_in_table(address) % kEntriesPerLine == 0) {
      kernel_.touch(entry_address(table->second, index_in_table(address)), 1, model::Use::read);
    }
    synchronize_entry(space, address, which);
    address += hv::kPageSize;
  }
  kernel_.charge(kernel_.paths().entry_scan, looked_at);
}

// One without a table: 4 MB in which nothing is mapped any more.
void UmlPort::synchronize_slot(AddressSpace& space, u32 slot, Which which) {
  const hw::Words directory = tables_.words(space.directory);
  if (which == Which::changed && (directory.load(slot) & UmlTables::kNew) == 0) return;
  directory.store(slot, 0);
  host_.unmap(id_of(space), slot * kDirectorySlotBytes, kDirectorySlotBytes);
}

// An entry that is not young is mapped only for execution. An i386 cannot tell that from reading, so that reads go on
// without a fault, and only writes have to wait for the accessed bit.
void UmlPort::synchronize_entry(AddressSpace& space, u32 address, Which which) {
  const hw::Words table = tables_.words(space.tables.at(slot_of(address)));
  const u32 word = table.load(index_in_table(address));
  if (which == Which::changed && (word & UmlTables::kNew) == 0) return;
  table.store(index_in_table(address), word & ~UmlTables::kNew);
  host_.unmap(id_of(space), address, hv::kPageSize);
  if ((word & hv::kEntryPresent) == 0) return;
  host_.map(id_of(space), address, GuestFrame{word >> hv::kPageShift}, (word & kMayWrite) == kMayWrite);
}

// --- user memory -----------------------------------------------------------------------------------------------------

// The kernel reads the page table itself and uses its own map of memory. A page that is not there, or not writable,
// gets the treatment of a fault without a signal.
model::Task<u32> UmlPort::reach_user(u32 address, model::Use use) {
  const AddressSpace& space = *kernel_.current().space;
  const bool write = use == model::Use::write;
  while (true) {
    const bool has_table = space.tables.contains(slot_of(address));
    const PageEntry found = has_table ? tables_.entry(space, address) : PageEntry{};
    if (found.present && (!write || found.writable)) {
      co_return found.frame.kernel_address() | address % hv::kPageSize;
    }
    co_await kernel_.page_fault(address, (found.present ? hw::kFaultPresent : 0) | (write ? hw::kFaultWrite : 0));
  }
}

// --- audit -----------------------------------------------------------------------------------------------------------

// What the host has mapped is what the tables say, with no more rights, and what the MMU finds is what the host has
// mapped. Only what still waits for a flush may differ.
std::optional<std::string> UmlPort::audit_space(const AddressSpace& space) {
  HostSpace& host = host_.space(id_of(space));
  for (const auto& [page, mapping] : host.mappings()) {
    const u32 address = page << hv::kPageShift;
    const auto table = space.tables.find(slot_of(address));
    const u32 word = table == space.tables.end() ? tables_.words(space.directory).load(slot_of(address))
                                                 : tables_.words(table->second).load(index_in_table(address));
    const auto wrong = [&](const char* what) {
      return fmt::format("the host's mapping at {:#010x} {}", address, what);
    };
    if (const auto entry = host.entry(address)) {
      if (entry->frame != mapping.frame) return wrong("is not what the MMU finds");
      if (entry->writable != mapping.writable) return wrong("has other rights than the MMU finds");
    }
    if ((word & UmlTables::kNew) != 0) continue;
    if ((word & hv::kEntryPresent) == 0) return wrong("is of a page that the guest has not mapped");
    if (mapping.frame != HostKernel::machine_frame(GuestFrame{word >> hv::kPageShift})) return wrong("is another page");
    if (mapping.writable && (word & kMayWrite) != kMayWrite) return wrong("can be written, against the guest's entry");
  }
  return std::nullopt;
}

std::optional<std::string> UmlPort::audit() {
  if (!driver_.conserved()) return "frames at the tap device are not conserved";
  for (const auto& process : kernel_.processes()) {
    if (!process->space) continue;
    if (auto wrong = audit_space(*process->space)) return wrong;
  }
  return audit_memory(kernel_, [this](GuestFrame table, TableEntries& entries) { tables_.look_at(table, entries); });
}

}  // namespace guest
