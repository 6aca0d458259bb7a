// Validation of page tables: the rules by which a guest may map memory, kept by counting typed references.
//
// A guest builds its tables in its own frames. A frame used as a table has type l1 or l2, and then nobody maps it
// writable; every later change of an entry comes through here. Taking the first reference to a table checks all its
// entries and takes what they refer to; dropping the last one gives that back. A reference that cannot be taken leaves
// everything as it was: new ones are taken before old ones are dropped.
//
// Whose frames a table may map is decided by the table's owner, whoever asks: its own, and while domain 0 has named a
// foreign domain, that domain's. (Then only tables of the two are written.) The hypervisor's and free frames, nobody.
// The L2's writable bit is ignored in the counts.
#pragma once

#include <bit>

#include "hardware/memory.h"
#include "interface/layout.h"
#include "memory/frame_table.h"
#include "memory/tlb_clock.h"

namespace hv {

// The hypervisor's part (slots 1008..1023) of a directory, copied into every directory when it is validated.
class HypervisorMap {
 public:
  // Builds the master directory and the machine-to-physical table in frames of the hypervisor. False: RAM too small.
  bool build(hw::Memory& memory, FrameTable& frames);

  MachineFrame master() const { return master_; }  // usable as a base by itself: what idle CPUs run on
  void install(hw::Memory& memory, MachineFrame directory) const;

  // Machine-to-physical table: guests read it at kMachineToPhysStart.
  void set_machine_to_phys(hw::Memory& memory, MachineFrame frame, u32 page) const;
  u32 machine_to_phys(hw::Memory& memory, MachineFrame frame) const;

 private:
  MachineFrame master_;
  MachineFrame machine_to_phys_;  // first of its consecutive frames
};
inline constexpr u32 kNoPage = 0xffffffffu;  // machine-to-physical entry of a frame that has no page

// Of the entries that the core writes itself: the MMU finds no bit left to set.
inline constexpr u32 kWritableEntry = kEntryPresent | kEntryWritable | kEntryAccessed | kEntryDirty;

class PageTables {
 public:
  PageTables(hw::Memory& memory, FrameTable& frames, TlbClock& tlb, const HypervisorMap& map)
      : memory_{memory}, frames_{frames}, tlb_{tlb}, map_{map} {}

  // A typed reference. take() changes the type if nothing holds the old one and validates the contents; false: the
  // frame is in use as something else or its contents break a rule. The caller has checked who owns it.
  bool take(MachineFrame frame, FrameType type);
  void drop(MachineFrame frame);
  // A reference that needs no type: a read-only mapping, I/O in progress.
  void hold(MachineFrame frame) { ++frames_.info(frame).total_count; }
  void release(MachineFrame frame);

  // Writes one entry of a table that is in use with that type. False: refused, nothing changed.
  bool set_l1_entry(MachineFrame table, u32 index, u32 entry);
  bool set_l2_entry(MachineFrame table, u32 index, u32 entry);

  // The domain that domain 0 has named; kOwnerFree: none.
  void set_foreign(OwnerId owner) { foreign_ = owner; }
  bool foreign(OwnerId owner) const { return owner == foreign_ && is_domain(owner); }

  // Where `address` is mapped by a valid directory: false when there is no page table for it.
  bool find_entry(MachineFrame directory, u32 address, MachineFrame& table, u32& index) const;

  // Counts a step of the work on page tables, for report_work().
  void did(hw::Step step, u32 times = 1) {
    const u32 index = static_cast<u32>(step) - kFirstStep;
    work_[index] += times;
    worked_ |= 1u << index;
  }
  // Reports the steps since the last call: the work of a whole table hides in one request.
  void report_work(hw::Cpu& cpu) {
    for (; worked_ != 0; worked_ &= worked_ - 1) {
      const auto i = static_cast<u32>(std::countr_zero(worked_));
      cpu.work(static_cast<hw::Step>(kFirstStep + i), work_[i]);
      work_[i] = 0;
    }
  }
  // True once after a read-only mapping of a descriptor page in use was dropped: its shadow in the LDT must go too.
  bool take_ldt_unmapped() {
    const bool unmapped = ldt_unmapped_;
    ldt_unmapped_ = false;
    return unmapped;
  }

 private:
  static constexpr u32 kFirstStep = static_cast<u32>(hw::Step::plain_store),
                       kLastStep = static_cast<u32>(hw::Step::table_drop);

  bool validate(MachineFrame frame, FrameType type);
  bool validate_l1(MachineFrame table);
  bool validate_l2(MachineFrame directory);
  bool validate_descriptors(MachineFrame frame);
  void drop_l1_entries(MachineFrame table, u32 end);
  void drop_l2_entries(MachineFrame directory, u32 end);

  bool take_mapping(OwnerId table_owner, u32 entry);
  void drop_mapping(u32 entry);
  bool take_table(MachineFrame directory, u32 entry);
  void drop_table(MachineFrame directory, u32 entry);

  hw::Memory& memory_;
  FrameTable& frames_;
  TlbClock& tlb_;
  const HypervisorMap& map_;
  OwnerId foreign_ = kOwnerFree;
  u32 work_[kLastStep - kFirstStep + 1] = {};
  u32 worked_ = 0;  // which of them are not 0
  bool ldt_unmapped_ = false;
};

}  // namespace hv
