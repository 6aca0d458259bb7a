// The batched hypercall on page tables, and its short form for one entry.
#include "base/planted.h"
#include "domain.h"
#include "domain_table.h"
#include "interface/memory.h"
#include "memory/memory_manager.h"
#include "vcpu.h"

namespace hv {

// The inner loop of a batch: what follows up to mmu_update() is in line.

inline bool MemoryManager::may_touch(const Caller& caller, MachineFrame frame) const {
  if (!frames_.contains(frame)) return false;
  const OwnerId owner = frames_.info(frame).owner;
  return owner == caller.domain.id || tables_.foreign(owner) || (is_domain(owner) && HV_PLANTED(request_on_any_frame));
}

inline void MemoryManager::finish_request(Caller& caller) {
  if (tables_.take_ldt_unmapped()) {
    for (u32 i = 0; i < caller.domain.vcpu_count; ++i) {
      if (drop_ldt_shadow(*caller.domain.vcpus[i])) ldt_page_due_ = true;
    }
  }
}

[[gnu::always_inline]] inline Error MemoryManager::update_entry(Caller& caller, u32 machine_address, u32 entry) {
  const MachineFrame table = MachineFrame::of_address(machine_address);
  const u32 index = machine_address / 4 % kEntriesPerTable;
  if (!may_touch(caller, table)) return Error::invalid;
  const FrameInfo& info = frames_.info(table);
  if (info.type_count != 0 && info.type == FrameType::l1) {
    return tables_.set_l1_entry(table, index, entry) ? Error::none : Error::invalid;
  }
  if (info.type_count != 0 && info.type == FrameType::l2) {
    return tables_.set_l2_entry(table, index, entry) ? Error::none : Error::invalid;
  }
  // Not a table now: an ordinary store, allowed where the guest could have a writable mapping.
  tables_.did(hw::Step::plain_store);
  const bool taken = tables_.take(table, FrameType::writable);
  if (!taken && !HV_PLANTED(store_without_reference)) return Error::invalid;
  memory_.window(table).store(index, entry);
  if (taken) tables_.drop(table);
  return Error::none;
}

inline Error MemoryManager::mmu_request(Caller& caller, u32 pointer, u32 value) {
  Error error = Error::invalid;
  switch (static_cast<MmuRequest>(pointer & 3)) {
    case MmuRequest::update_entry:
      error = update_entry(caller, pointer, value);
      break;
    case MmuRequest::update_m2p: {
      tables_.did(hw::Step::m2p_update);
      const MachineFrame frame = MachineFrame::of_address(pointer);
      if (may_touch(caller, frame)) {
        set_machine_to_phys(frame, value);
        error = Error::none;
      }
      break;
    }
    case MmuRequest::extended:
      error = mmu_command(caller, pointer & ~3u, value);
      break;
  }
  finish_request(caller);
  return error;
}

HypercallResult MemoryManager::mmu_update(Caller& caller, u32 list, u32 count, u32 done) {
  constexpr u32 kRequestBytes = sizeof(MmuUpdate);
  constexpr u32 kChunk = 128;  // requests copied at once: bounds the stack, hides the cost of a copy
  MmuUpdate chunk[kChunk];
  Error error = count > kMaxMmuUpdates ? Error::invalid : Error::none;
  u32 completed = 0;
  caller.cpu.work(hw::Step::mmu_call);
  while (error == Error::none && completed < count) {
    const u32 copied = count - completed < kChunk ? count - completed : kChunk;
    if (!caller.cpu.copy_from_guest(chunk, list + completed * kRequestBytes, copied * kRequestBytes)) {
      error = Error::bad_address;
      break;
    }
    u32 tried = 0, updates = 0;
    for (; tried < copied && error == Error::none; ++tried) {
      const MmuUpdate& request = chunk[tried];
      if ((request.pointer & 3) == static_cast<u32>(MmuRequest::update_entry)) ++updates;
      error = mmu_request(caller, request.pointer, request.value);
    }
    completed += error == Error::none ? tried : tried - 1;
    caller.cpu.work(hw::Step::mmu_request, tried);
    if (updates != 0) caller.cpu.work(hw::Step::page_table_update, updates);
  }
  finish_call(caller);
  if (done != 0 && !caller.cpu.copy_to_guest(done, &completed, sizeof completed)) error = Error::bad_address;
  return error;
}

Error MemoryManager::mmu_command(Caller& caller, u32 pointer, u32 value) {
  const MachineFrame frame = MachineFrame::of_address(pointer);
  switch (static_cast<MmuCommand>(value & 0xff)) {
    case MmuCommand::pin_l1:
      return pin(caller, frame, FrameType::l1);
    case MmuCommand::pin_l2:
      return pin(caller, frame, FrameType::l2);
    case MmuCommand::unpin:
      return unpin(caller, frame);
    case MmuCommand::new_base_pointer:
      return new_base_pointer(caller, frame);
    case MmuCommand::flush_tlb:
      tlb_.request_local(caller.cpu.id());
      return Error::none;
    case MmuCommand::invalidate_page:
      caller.cpu.invalidate_page(pointer);
      return Error::none;
    case MmuCommand::set_ldt:
      return set_ldt(caller, pointer, value >> 8);
    case MmuCommand::set_foreign_domain:
      return set_foreign_domain(caller, value >> 16);
    case MmuCommand::clear_foreign_domain:
      name_foreign(nullptr);
      return Error::none;
    case MmuCommand::reassign_page:
      return reassign_page(caller, frame);
  }
  return Error::invalid;
}

Error MemoryManager::pin(Caller& caller, MachineFrame frame, FrameType type) {
  caller.cpu.work(hw::Step::mmu_extended);
  if (!may_touch(caller, frame)) return Error::invalid;
  FrameInfo& info = frames_.info(frame);
  if (info.has(FrameInfo::kPinned) && !HV_PLANTED(pinned_twice)) return Error::invalid;
  if (!tables_.take(frame, type)) return Error::invalid;
  info.flags |= FrameInfo::kPinned;
  return Error::none;
}

Error MemoryManager::unpin(Caller& caller, MachineFrame frame) {
  caller.cpu.work(hw::Step::mmu_extended);
  if (!may_touch(caller, frame)) return Error::invalid;
  FrameInfo& info = frames_.info(frame);
  if (!info.has(FrameInfo::kPinned) && !HV_PLANTED(unpinned_unpinned)) return Error::invalid;
  info.flags = static_cast<u8>(info.flags & ~FrameInfo::kPinned);
  tables_.drop(frame);
  return Error::none;
}

// Loaded at once, not at the end of the batch: a later request of the batch may release the old directory, and the core
// reads the rest of the list through the one that is loaded.
Error MemoryManager::new_base_pointer(Caller& caller, MachineFrame directory) {
  caller.cpu.work(hw::Step::mmu_extended);
  if (!take_directory(caller.domain, directory)) return Error::invalid;
  const MachineFrame old = caller.vcpu.directory;
  caller.vcpu.directory = directory;
  if (drop_ldt_shadow(caller.vcpu)) ldt_page_due_ = true;  // asks for a flush: the load below is one
  tlb_.load(caller.cpu, directory, static_cast<OwnerId>(caller.domain.id));
  if (old != MachineFrame::none() && !HV_PLANTED(old_base_kept)) drop_directory(old);
  return Error::none;
}

Error MemoryManager::set_foreign_domain(Caller& caller, DomainId id) {
  Domain* domain = domains_.find(id);
  if (!caller.domain.privileged && !HV_PLANTED(foreign_domain_unprivileged)) return Error::invalid;
  if (domain == nullptr || domain == &caller.domain || domain->dying) return Error::invalid;
  name_foreign(domain);
  return Error::none;
}

Error MemoryManager::reassign_page(Caller& caller, MachineFrame frame) {
  if (foreign_ == nullptr || foreign_->memory.may_add() == 0) return Error::invalid;
  if (!frames_.contains(frame)) return Error::invalid;
  const FrameInfo& info = frames_.info(frame);
  // A frame shared with the core always has a reference, so only those of the reservation pass.
  if (info.owner != caller.domain.id) return Error::invalid;
  if (info.total_count != 0 && !HV_PLANTED(reassigned_in_use)) return Error::invalid;
  if (!HV_PLANTED(no_flush_on_reassign)) tlb_.request(info.owner, info.flush_stamp);
  set_machine_to_phys(frame, kNoPage);
  frames_.move(frame, caller.domain.memory.frames, foreign_->memory.frames);
  return Error::none;
}

void MemoryManager::name_foreign(Domain* domain) {
  foreign_ = domain;
  tables_.set_foreign(domain == nullptr ? kOwnerFree : static_cast<OwnerId>(domain->id));
}

HypercallResult MemoryManager::update_va_mapping(Caller& caller, u32 page, u32 entry, u32 flags) {
  Error error = Error::invalid;
  caller.cpu.work(hw::Step::va_update);
  MachineFrame table;
  u32 index = 0;
  if (page < kHypervisorStart >> kPageShift &&
      tables_.find_entry(caller.vcpu.directory, page << kPageShift, table, index) &&
      tables_.set_l1_entry(table, index, entry)) {
    error = Error::none;
  }
  finish_request(caller);
  // The flags count even if the update failed. A whole flush includes the page.
  if ((flags & kVaFlushTlb) != 0) tlb_.request_local(caller.cpu.id());
  if ((flags & kVaInvalidate) != 0 && !tlb_.due(caller.cpu.id())) caller.cpu.invalidate_page(page << kPageShift);
  finish_call(caller);
  return error;
}

HypercallResult MemoryManager::update_va_mapping_otherdomain(Caller& caller, u32 page, u32 entry, u32 flags,
                                                             DomainId domain) {
  if (!caller.domain.privileged) return Error::not_permitted;
  if (set_foreign_domain(caller, domain) != Error::none) return Error::no_such_domain;
  return update_va_mapping(caller, page, entry, flags);
}

void MemoryManager::finish_call(Caller& caller) {
  if (!HV_PLANTED(foreign_domain_stays)) name_foreign(nullptr);
  if (ldt_page_due_) {
    ldt_page_due_ = false;
    (void)map_ldt_shadow(caller.vcpu, 0);  // if it cannot be, the first use of the LDT faults and the guest is told
  }
  tables_.report_work(caller.cpu);
  tlb_.settle(caller.cpu);  // last: all of the above may have changed a type
}

}  // namespace hv
