// Memory management as the rest of the core sees it: the hypercalls on memory, and the frames of domains.
//
// The manager owns the frame table, the hypervisor's part of every address space, and the flush clock. Deferred work
// of a hypercall (the TLB flush, the LDT) is done before it returns and before it writes to the guest, so a guest never
// runs, and the core never writes, through a translation that a request of the same batch made invalid.
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "caller.h"
#include "hardware/machine.h"
#include "memory/frame_table.h"
#include "memory/page_table.h"
#include "memory/tlb_clock.h"

namespace hv {

class DomainTable;

inline constexpr u32 kFreeSlack = 512;  // frames (2 MB) that reservations leave free for the core's own needs

// The first address space of domain 0, laid out as interface/start_info.h says.
struct InitialSpace {
  MachineFrame directory;  // pinned; no vCPU has taken it yet
  u32 start_info_address = 0;
  u32 stack_top = 0;  // of the boot stack, the last page
};

class MemoryManager {
 public:
  static u64 bytes_needed(u32 frame_count) { return u64{frame_count} * sizeof(FrameInfo) + alignof(FrameInfo); }
  // Builds the frame table in the arena; the lowest `hypervisor_frames` are the core's. Stops the machine if there is
  // no room.
  MemoryManager(hw::Machine& machine, Arena& arena, const DomainTable& domains, u32 hypervisor_frames);

  // --- hypercalls --------------------------------------------------------------------------------------------------
  HypercallResult mmu_update(Caller& caller, u32 list, u32 count, u32 done);
  HypercallResult update_va_mapping(Caller& caller, u32 page, u32 entry, u32 flags);
  // not_permitted: the caller has no privilege; no_such_domain.
  HypercallResult update_va_mapping_otherdomain(Caller& caller, u32 page, u32 entry, u32 flags, DomainId domain);
  // Returns the number of frames done; an error only if that is none.
  HypercallResult dom_mem_op(Caller& caller, u32 op, u32 list, u32 count);
  HypercallResult set_gdt(Caller& caller, u32 list, u32 entries);
  HypercallResult update_descriptor(Caller& caller, u32 machine_address, u32 low, u32 high);
  // A page fault in the hypervisor's part: maps a page of the caller's LDT that is used for the first time. False: not
  // that, or the guest's page is no descriptor table; then the fault is the guest's.
  bool map_ldt_page(Caller& caller, u32 fault_address);

  // --- domains -----------------------------------------------------------------------------------------------------
  // Adds zeroed frames and sets the reservation's limit to what the domain then has.
  HypercallResult allocate_frames(Domain& domain, u32 count);
  // A zeroed frame shared by core and domain: the domain may map it, never retype or give it back. none(): no memory.
  MachineFrame share_frame(Domain& domain);
  // For domain 0, once its frames are allocated and its shared-info frame is set. Later domains are built by domain 0
  // through mmu_update.
  HypercallResult build_domain0(hw::Cpu& cpu, Domain& domain, InitialSpace& built);
  // Gives everything back: directories, descriptor tables, pins, frames. What somebody else still holds (I/O, mappings
  // of domain 0) becomes free when they let go. No vCPU of the domain may be loaded on a CPU.
  void release_all(hw::Cpu& cpu, Domain& domain);

  // --- CPUs --------------------------------------------------------------------------------------------------------
  // The reference that a vCPU has to its page-table base, taken before the base is used.
  bool take_directory(Domain& domain, MachineFrame directory);
  void drop_directory(MachineFrame directory);
  // Switch-in: loads base (a flush, always), GDT and LDT of the vCPU. An idle vCPU runs on the master directory.
  void load_address_space(hw::Cpu& cpu, const Vcpu& vcpu);
  MachineFrame master_directory() const { return map_.master(); }
  // Before `cpu` returns to a guest: CPUs to interrupt because their flush is due. They call settle_flush().
  u32 flushes_due() const { return tlb_.due(); }  // on any CPU, as a mask
  u32 flushes_due_elsewhere(CpuId cpu) const { return tlb_.due_elsewhere(cpu); }
  void settle_flush(hw::Cpu& cpu) { tlb_.settle(cpu); }

  // --- the core's own frames ---------------------------------------------------------------------------------------
  MachineFrame allocate_core_frame();  // zeroed; none(): no memory
  void release_core_frame(MachineFrame frame);

  FrameTable& frames() { return frames_; }
  PageTables& tables() { return tables_; }
  TlbClock& tlb() { return tlb_; }
  hw::Memory& memory() { return memory_; }
  u32 machine_to_phys(MachineFrame frame) { return map_.machine_to_phys(memory_, frame); }
  void set_machine_to_phys(MachineFrame frame, u32 page) { map_.set_machine_to_phys(memory_, frame, page); }

 private:
  bool open(Domain& domain);                                       // before its first frame
  bool may_touch(const Caller& caller, MachineFrame frame) const;  // the caller's, or the foreign domain's

  Error mmu_request(Caller& caller, u32 pointer, u32 value);
  Error update_entry(Caller& caller, u32 machine_address, u32 entry);
  Error mmu_command(Caller& caller, u32 pointer, u32 value);
  Error pin(Caller& caller, MachineFrame frame, FrameType type);
  Error unpin(Caller& caller, MachineFrame frame);
  Error new_base_pointer(Caller& caller, MachineFrame directory);
  Error set_ldt(Caller& caller, u32 base, u32 entries);
  Error set_foreign_domain(Caller& caller, DomainId id);
  Error reassign_page(Caller& caller, MachineFrame frame);
  void name_foreign(Domain* domain);    // null: nobody
  void finish_request(Caller& caller);  // deferred work that the next request must find done
  void finish_call(Caller& caller);     // and what may wait for the end of the batch

  HypercallResult increase_reservation(Caller& caller, u32 list, u32 count);
  HypercallResult decrease_reservation(Caller& caller, u32 list, u32 count);

  void install_reserved_descriptors(MachineFrame first_gdt_page);
  void clear_reserved_descriptors(MachineFrame first_gdt_page);
  bool reserved_descriptor(const Domain& domain, MachineFrame frame, u32 entry) const;  // of a GDT now in use
  bool first_gdt_page(const Domain& domain, MachineFrame frame) const;                  // of some vCPU
  void drop_gdt(Vcpu& vcpu);
  bool map_ldt_shadow(Vcpu& vcpu, u32 page);
  bool drop_ldt_shadow(Vcpu& vcpu);  // true: some page was mapped
  void load_descriptor_tables(hw::Cpu& cpu, const Vcpu& vcpu);

  hw::Machine& machine_;
  hw::Memory& memory_;
  const DomainTable& domains_;
  FrameTable frames_;
  TlbClock tlb_;
  HypervisorMap map_;
  PageTables tables_;
  bool ldt_page_due_ = false;  // map the first page of the caller's LDT when the hypercall ends
  Domain* foreign_ = nullptr;  // whose frames a privileged caller may name besides its own, until the hypercall ends
  MachineFrame default_gdt_;   // for vCPUs that have set none: the reserved descriptors only
};

}  // namespace hv
