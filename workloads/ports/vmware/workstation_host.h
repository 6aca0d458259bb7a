// The Linux host below VMware Workstation: its processors, its scheduler, its card and its drive, and the virtual
// machines, each of which is one of its processes.
//
// A virtual machine has a processor from the world switch that its process makes until the host has control again: by
// an interrupt, because its process is called, or because its guest halts and its process sleeps in select(). Only
// there can the host give the processor to another one. Who gets it is decided by Linux 2.4's own scheduler, which is
// that of the guest kernels too. A process that sleeps is woken when the timer or a device has something for it.
//
// The first processor takes the interrupts of the devices and keeps the time, by which the virtual timers of all
// machines go; the others' timers count time slices alone. A machine that runs on another processor than the one that
// took the interrupt learns of a frame or of the end of a disk call when its own processor is in the host's world next.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "model/machine.h"
#include "workloads/kernel/scheduler.h"
#include "workloads/ports/hosted/host_disk.h"
#include "workloads/ports/hosted/host_network.h"
#include "workloads/ports/hosted/host_paths.h"
#include "workloads/ports/vmware/workstation_file.h"

namespace guest {

// As the host sees it.
class VirtualMachine {
 public:
  virtual void host_tick() = 0;
  virtual bool has_work() const = 0;  // for which its process wakes up
  // The two halves of a world switch, and what the process does between them.
  virtual void enter_host() = 0;
  virtual void run_process() = 0;
  virtual void leave_host() = 0;
  virtual void deliver_interrupt() = 0;  // to the guest, which runs now, if one waits and it lets it in
  virtual void exception(hw::Registers& registers, u32 fault_address) = 0;
  virtual bool hidden_fault(u32 address, u32 error_code) = 0;

 protected:
  ~VirtualMachine() = default;
};

class WorkstationHost final : public model::Supervisor {
 public:
  // Throws SpecError. What it refers to outlives it.
  WorkstationHost(const HostSpec& spec, model::Machine& machine);

  // --- before power on ----------------------------------------------------------------------------------------------
  // Machine memory from the bottom: the host, then what the virtual machines and their monitors take.
  hv::MachineFrame take_frames(u32 frames);
  u32 frames_left() const;
  void add(VirtualMachine& virtual_machine, const std::string& name, u32 boot_entry);
  void power_on();  // every processor, with a virtual machine for each if there are so many

  // --- its devices, brought up by the first that needs them ---------------------------------------------------------
  void start_network();
  void start_disk();
  HostNetwork& network() { return network_; }
  const HostNetwork& network() const { return network_; }
  HostDisk* disk() { return disk_ ? &*disk_ : nullptr; }  // null: the host has no drive
  const HostPaths& paths() const { return paths_; }

  // --- for the process on the running processor ---------------------------------------------------------------------
  void start_tick();         // of that processor
  bool device_interrupts();  // that wait there are handled; false: there was none
  bool must_give_way() const { return scheduler_.need_reschedule(machine_.running().id()); }
  // The guest's registers are its own now, of a suspended place; afterwards they are those of whoever runs next, which
  // is in its own world.
  void give_way();
  void sleep();  // until it has work

  // --- what to read off ---------------------------------------------------------------------------------------------
  struct Counts {
    u64 switches_in = 0;
    sim::Cycles cpu_time;  // in either world
  };
  Counts counts(const VirtualMachine& of) const;
  void add_metrics(std::vector<Metric>& metrics) const;
  std::optional<std::string> audit() const;

  // --- Supervisor ---------------------------------------------------------------------------------------------------
  void hypercall(model::Cpu& cpu, hw::Registers& registers) override;
  void exception(model::Cpu& cpu, hw::Registers& registers, std::uint32_t fault_address) override;
  void interrupt(model::Cpu& cpu, hw::Registers& registers, std::uint32_t line) override;
  bool hidden_fault(model::Cpu& cpu, std::uint32_t address, std::uint32_t error_code) override;
  model::Account account() const override { return model::Account::hypervisor; }

 private:
  struct Running {  // a process of the host
    Running(VirtualMachine& of, ProcessId id, const std::string& name) : machine{&of}, process{id, name} {}
    VirtualMachine* machine;
    Process process;
    hw::Registers registers;  // of the guest, while it does not run
    bool in_select = false;   // when it runs next it comes back from there
    Counts counts;
  };
  struct Processor {
    Process idle{0, "idle"};
    sim::Cycles next_tick;
    bool ticks = false;       // its timer is armed
    sim::Cycles given_since;  // to the process that it runs
    sim::Cycles given;        // to processes, before that
  };
  Running* current(hv::CpuId cpu);  // null: the processor is idle
  Running& of(const Process& process) { return processes_[process.id - 1]; }
  void tick(model::Cpu& cpu);
  void wake_those_with_work();
  void run_next(model::Cpu& cpu);
  void account_switch(const model::Cpu& cpu, Process& previous, const Process& next);
  sim::Cycles running_time(hv::CpuId cpu) const;
  static void go_idle(hw::Registers& registers);

  model::Machine& machine_;
  const WorkstationFile& file_;
  HostPaths paths_;
  HostNetwork network_;
  std::optional<HostDisk> disk_;
  bool network_started_ = false, disk_started_ = false;
  u32 next_frame_;
  Scheduler scheduler_;
  std::deque<Running> processes_;
  std::deque<Processor> processors_;
};

}  // namespace guest
