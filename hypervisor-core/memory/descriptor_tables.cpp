// GDT and LDT: pages of the guest's that the hypervisor checks, maps behind kPerDomainStart and loads for each vCPU.
#include "memory/descriptor.h"

#include "base/planted.h"
#include "domain.h"
#include "memory/memory_manager.h"
#include "vcpu.h"

namespace hv {
namespace {

constexpr u32 pages_of(u32 entries) { return (entries + kDescriptorsPerPage - 1) / kDescriptorsPerPage; }

}  // namespace

HypercallResult MemoryManager::set_gdt(Caller& caller, u32 list, u32 entries) {
  caller.cpu.work(hw::Step::mmu_call);
  if (entries < kEndReservedDescriptors || entries > kMaxDescriptors) return Error::invalid;
  const u32 pages = pages_of(entries);
  u32 numbers[kDescriptorTablePages];
  if (!caller.cpu.copy_from_guest(numbers, list, pages * static_cast<u32>(sizeof(u32)))) return Error::bad_address;

  u32 taken = 0;
  for (; taken < pages; ++taken) {
    const MachineFrame frame{numbers[taken]};
    if (!frames_.contains(frame)) break;
    if (frames_.info(frame).owner != caller.domain.id && !HV_PLANTED(gdt_of_any_owner)) break;
    if (!tables_.take(frame, FrameType::gdt)) break;
  }
  const bool valid = taken == pages;
  if (valid) {
    drop_gdt(caller.vcpu);
    const hw::Words window = memory_.frame(caller.domain.memory.descriptor_table);
    for (u32 i = 0; i < pages; ++i) {
      caller.vcpu.gdt_frames[i] = MachineFrame{numbers[i]};
      window.store(gdt_first_page(caller.vcpu.id) + i, MachineFrame{numbers[i]}.address() | kWritableEntry);
    }
    caller.vcpu.gdt_entries = entries;
    install_reserved_descriptors(caller.vcpu.gdt_frames[0]);
    tlb_.request_local(caller.cpu.id());  // the window may have shown other pages there
  } else {
    while (taken != 0) tables_.drop(MachineFrame{numbers[--taken]});
  }
  finish_call(caller);
  if (!valid) return Error::invalid;
  load_descriptor_tables(caller.cpu, caller.vcpu);
  return Error::none;
}

HypercallResult MemoryManager::update_descriptor(Caller& caller, u32 machine_address, u32 low, u32 high) {
  caller.cpu.work(hw::Step::mmu_call);
  const MachineFrame frame = MachineFrame::of_address(machine_address);
  if (machine_address % 8 != 0) return Error::invalid;
  if (!descriptor_is_safe(low, high) && !HV_PLANTED(update_descriptor_unsafe)) return Error::invalid;
  if (!frames_.contains(frame) || frames_.info(frame).owner != caller.domain.id) return Error::invalid;
  const u32 entry = machine_address % kPageSize / 8;
  const FrameInfo& info = frames_.info(frame);
  const bool in_use = (info.type == FrameType::gdt || info.type == FrameType::ldt) && info.type_count != 0;
  if (in_use ? reserved_descriptor(caller.domain, frame, entry) : !tables_.take(frame, FrameType::writable)) {
    finish_call(caller);
    return Error::invalid;
  }
  // Another CPU may load the descriptor between two stores: it must not see half of each.
  const hw::Words words = memory_.window(frame);
  words.store(2 * entry + 1, 0);
  words.store(2 * entry, low);
  words.store(2 * entry + 1, high);
  if (!in_use) tables_.drop(frame);
  finish_call(caller);
  return Error::none;
}

Error MemoryManager::set_ldt(Caller& caller, u32 base, u32 entries) {
  if (base % kPageSize != 0 || entries > kMaxDescriptors) return Error::invalid;
  if (u64{base} + entries * 8 > kHypervisorPrivate) return Error::invalid;
  Vcpu& vcpu = caller.vcpu;
  if (vcpu.ldt_base == base && vcpu.ldt_entries == entries) return Error::none;
  if (!HV_PLANTED(ldt_shadow_kept)) (void)drop_ldt_shadow(vcpu);
  vcpu.ldt_base = base;
  vcpu.ldt_entries = entries;
  caller.cpu.load_ldt(ldt_address(vcpu.id), entries);
  if (entries != 0) ldt_page_due_ = true;
  return Error::none;
}

bool MemoryManager::map_ldt_page(Caller& caller, u32 fault_address) {
  caller.cpu.work(hw::Step::mmu_call);
  const u32 offset = fault_address - ldt_address(caller.vcpu.id);
  if (offset >= caller.vcpu.ldt_entries * 8) return false;
  const bool mapped = map_ldt_shadow(caller.vcpu, offset >> kPageShift);
  finish_call(caller);
  return mapped;
}

bool MemoryManager::map_ldt_shadow(Vcpu& vcpu, u32 page) {
  const u32 slot = ldt_first_page(vcpu.id) + page;
  const MachineFrame window = vcpu.domain->memory.descriptor_table;
  if (page >= pages_of(vcpu.ldt_entries) || (memory_.frame(window).load(slot) & kEntryPresent) != 0) return false;
  const u32 address = vcpu.ldt_base + (page << kPageShift);
  MachineFrame table;
  u32 index = 0;
  if (address >= kHypervisorStart || !tables_.find_entry(vcpu.directory, address, table, index)) return false;
  const u32 entry = memory_.window(table).load(index);
  const MachineFrame frame = MachineFrame::of_address(entry);
  // Only the domain's own pages: domain 0 may map others' pages, but not make them its descriptor table.
  if ((entry & kEntryPresent) == 0) return false;
  if (frames_.info(frame).owner != vcpu.domain->id && !HV_PLANTED(ldt_of_any_owner)) return false;
  if (!tables_.take(frame, FrameType::ldt)) return false;
  memory_.frame(window).store(slot, frame.address() | kWritableEntry);
  return true;
}

bool MemoryManager::drop_ldt_shadow(Vcpu& vcpu) {
  bool any = false;
  for (u32 page = 0; page < pages_of(vcpu.ldt_entries); ++page) {
    const u32 slot = ldt_first_page(vcpu.id) + page;
    const hw::Words window = memory_.frame(vcpu.domain->memory.descriptor_table);
    const u32 entry = window.load(slot);
    if ((entry & kEntryPresent) == 0) continue;
    window.store(slot, 0);
    tables_.drop(MachineFrame::of_address(entry));
    any = true;
  }
  if (any) tlb_.request(static_cast<OwnerId>(vcpu.domain->id), tlb_.now());
  return any;
}

void MemoryManager::drop_gdt(Vcpu& vcpu) {
  if (vcpu.gdt_entries == 0) return;
  for (u32 i = 0; i < pages_of(vcpu.gdt_entries); ++i) {
    memory_.frame(vcpu.domain->memory.descriptor_table).store(gdt_first_page(vcpu.id) + i, 0);
    if (!HV_PLANTED(gdt_kept)) tables_.drop(vcpu.gdt_frames[i]);
  }
  // The page is the guest's again, or a further page of its next GDT: without the reserved descriptors, which only a
  // first page has, it can become a GDT once more.
  vcpu.gdt_entries = 0;
  if (!first_gdt_page(*vcpu.domain, vcpu.gdt_frames[0])) clear_reserved_descriptors(vcpu.gdt_frames[0]);
}

void MemoryManager::install_reserved_descriptors(MachineFrame first_gdt_page) {
  const hw::Words words = memory_.window(first_gdt_page);
  clear_reserved_descriptors(first_gdt_page);
  u32 word = 2 * (kFirstReservedDescriptor + 1);
  for (const Descriptor& descriptor : kFlatDescriptors) {
    words.store(word++, descriptor.low);
    words.store(word++, descriptor.high);
  }
}

void MemoryManager::clear_reserved_descriptors(MachineFrame first_gdt_page) {
  const hw::Words words = memory_.window(first_gdt_page);
  for (u32 word = 2 * kFirstReservedDescriptor; word < 2 * kEndReservedDescriptors; ++word) words.store(word, 0);
}

bool MemoryManager::reserved_descriptor(const Domain& domain, MachineFrame frame, u32 entry) const {
  if (entry < kFirstReservedDescriptor || entry >= kEndReservedDescriptors) return false;
  if (HV_PLANTED(reserved_descriptor)) return false;
  return first_gdt_page(domain, frame);
}

bool MemoryManager::first_gdt_page(const Domain& domain, MachineFrame frame) const {
  for (u32 i = 0; i < domain.vcpu_count; ++i) {
    if (domain.vcpus[i]->gdt_entries != 0 && domain.vcpus[i]->gdt_frames[0] == frame) return true;
  }
  return false;
}

void MemoryManager::load_descriptor_tables(hw::Cpu& cpu, const Vcpu& vcpu) {
  if (vcpu.gdt_entries != 0) {
    cpu.load_gdt(vcpu.gdt_frames, vcpu.gdt_entries);
  } else {
    cpu.load_gdt(&default_gdt_, kDescriptorsPerPage);
  }
  cpu.load_ldt(ldt_address(vcpu.id), vcpu.ldt_entries);
}

}  // namespace hv
