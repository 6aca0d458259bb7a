// The virtual machine monitor: it has ring 0, and the guest's kernel, translated, runs in ring 1 below it.
//
// User code runs directly. What it or the translated kernel cannot be allowed to do comes here: faults, which are the
// guest's own or hidden from it (shadow_tables.h), and the call-outs of translated code. Interrupts all belong to the
// host in the other world (workstation_host.h). The guest's interrupt flag is that of its EFLAGS; the hardware's is
// always on there. One virtual processor, on whichever of the machine's the host gives it.
#pragma once

#include <optional>
#include <vector>

#include "model/machine.h"
#include "model/task.h"
#include "workloads/ports/vmware/emulated_device.h"
#include "workloads/ports/vmware/shadow_tables.h"
#include "workloads/ports/vmware/workstation_file.h"
#include "workloads/ports/vmware/workstation_host.h"

namespace guest {

class Monitor final : public VirtualMachine {
 public:
  // Of a virtual machine with so much memory. Takes that and its shadow tables' from the host.
  Monitor(WorkstationHost& host, model::Machine& machine, const WorkstationFile& file, u32 frames);

  // How often, since power on.
  struct Counts {
    u64 transitions = 0;    // direct execution to translated code and back, other than for a fault
    u64 true_faults = 0;    // passed on to the guest
    u64 hidden_faults = 0;  // not
    u64 traced_writes = 0;
    u64 address_space_loads = 0;
    u64 world_switches = 0;  // round trips
    u64 port_accesses = 0;   // of the interrupt controller and the timer
  };
  const Counts& counts() const { return counts_; }
  GuestMemory& memory() { return memory_; }
  ShadowTables& shadow() { return shadow_; }
  const ShadowTables& shadow() const { return shadow_; }

  // The guest's interrupt descriptor table: where it is entered. On the stack is what hardware pushes.
  struct Gates {
    u32 page_fault = 0, timer = 0;
  };
  void power_on(const Gates& gates);
  // What the virtual machine has beside its timer, before power on; `gate`: of its interrupt.
  void add_device(EmulatedDevice& device, u32 gate) { devices_.push_back({&device, gate}); }

  // --- call-outs of translated code ---------------------------------------------------------------------------------
  void executed(sim::Cycles work);  // so much of it, natively
  void load_segments(u32 times);
  void read_clock(u32 times);
  void entered_from_user();                         // by a system call, which is back with the next return
  void load_page_table_base(GuestFrame directory);  // of the guest
  void invalidate_page(u32 address);
  void set_kernel_stack(u32 stack);                     // of the next entry from user mode
  u32 fault_address() const { return fault_address_; }  // CR2
  u32 take_ticks();                                     // of the virtual timer, since they were last taken
  void acknowledge_timer();                             // at the interrupt controller
  void acknowledge_device();
  void spend(sim::Cycles cycles) { charge(cycles); }  // on a device's registers
  // The process in the other world has to do something now: there and back. Interrupts that come meanwhile are the
  // host's, and cost no further switch. The host may give the processor to others there.
  model::Task<> call_process();
  u64 switches_in_last_tick() const { return switches_in_last_tick_; }
  bool interrupt_waits() const { return waiting_ticks_ > 0 || raised_device() != nullptr; }
  void take_interrupt();  // which waits; at the present registers
  void halt();            // until there is one

  // --- VirtualMachine -----------------------------------------------------------------------------------------------
  void host_tick() override;
  bool has_work() const override;
  void enter_host() override;
  void run_process() override;
  void leave_host() override;
  void deliver_interrupt() override;
  void exception(hw::Registers& registers, u32 fault_address) override;
  bool hidden_fault(u32 address, u32 error_code) override;

 private:
  class GiveWay;
  struct Device {
    EmulatedDevice* device;
    u32 gate;
  };
  const Device* raised_device() const;  // the first; null: none
  void charge(sim::Cycles cycles) { machine_.running().charge(cycles, model::Cause::emulation); }
  void charge_shadow_event(u32 percent);
  // The guest goes on at `gate`, as if hardware had taken it there.
  void deliver(hw::Registers& registers, u32 gate, std::optional<u32> error_code);

  WorkstationHost& host_;
  model::Machine& machine_;
  const WorkstationFile& file_;
  hv::MachineFrame shadow_frames_;
  GuestMemory memory_;
  ShadowTables shadow_;
  Gates gates_;
  bool on_ = false;
  std::vector<Device> devices_;
  Counts counts_;
  u32 kernel_stack_ = 0;
  u32 fault_address_ = 0;
  u32 waiting_ticks_ = 0, taken_ticks_ = 0;
  u64 switches_at_tick_ = 0, switches_in_last_tick_ = 0;
};

}  // namespace guest
