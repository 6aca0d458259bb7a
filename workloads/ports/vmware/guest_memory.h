// Where the memory of the virtual machine is in the real one, and the walk of the guest's page tables that the monitor
// does in software: they hold frames of the virtual machine, so no MMU can.
#pragma once

#include "model/machine.h"
#include "workloads/kernel/memory.h"

namespace guest {

class GuestMemory {
 public:
  GuestMemory(model::Machine& machine, hv::MachineFrame first, u32 frames)
      : machine_{machine}, first_{first}, frames_{frames} {}

  u32 frames() const { return frames_; }
  hv::MachineFrame machine_frame(GuestFrame frame) const { return hv::MachineFrame{first_.number() + frame.number()}; }
  GuestFrame guest_frame(hv::MachineFrame frame) const { return GuestFrame{frame.number() - first_.number()}; }
  u32 machine_address(GuestFrame table, u32 index) const { return machine_frame(table).address() + index * 4; }
  u32 machine_address(u32 address) const { return first_.address() + address; }  // of one in the virtual machine
  u32 load(GuestFrame table, u32 index) const { return machine_.physical_memory().load(machine_address(table, index)); }
  void store(GuestFrame table, u32 index, u32 word) {
    machine_.physical_memory().store(machine_address(table, index), word);
  }

  struct Walk {
    bool present = false;
    model::Rights rights;  // over both levels
    bool dirty = false;    // of the leaf
    GuestFrame frame{0};   // of the 4 kB page, also inside a large one
    bool large = false;
    GuestFrame leaf_table{0};  // the leaf's place; of a large page, the directory
    u32 leaf_index = 0;

    bool allows(model::Access access) const { return present && rights.allow(access); }
  };
  Walk walk(GuestFrame directory, u32 address) const;
  // What the MMU would set for an access that a walk allows.
  void mark_used(GuestFrame directory, u32 address, const Walk& walk, bool written);

 private:
  void check(GuestFrame frame) const;
  void set_bits(GuestFrame table, u32 index, u32 bits) { store(table, index, load(table, index) | bits); }

  model::Machine& machine_;
  hv::MachineFrame first_;
  u32 frames_;
};

}  // namespace guest
