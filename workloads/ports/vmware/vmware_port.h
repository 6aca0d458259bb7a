// The guest kernel, unmodified, in a virtual machine of VMware Workstation: hosted, with binary translation of kernel
// code and direct execution of user code, and shadow page tables.
//
// The kernel does what it does on bare hardware and believes that it is there; the monitor (monitor.h) makes it dear.
// It has one processor, a timer at 100 Hz, and an emulated network card and disk. Below it there is the host
// (workstation_host.h), which may have other virtual machines.
#pragma once

#include <optional>
#include <vector>

#include "workloads/hosts/partitions.h"
#include "workloads/kernel/kernel.h"
#include "workloads/ports/direct_tables.h"
#include "workloads/ports/stock_image.h"
#include "workloads/ports/vmware/emulated_nic.h"
#include "workloads/ports/vmware/ide_driver.h"
#include "workloads/ports/vmware/monitor.h"
#include "workloads/ports/vmware/pcnet_driver.h"
#include "workloads/programs/program.h"

namespace guest {

// What a virtual machine is made of.
struct VirtualMachineOrder {
  std::string name;
  u32 frames = 0;  // of memory, whole large pages as far as they are low memory
  IpAddress address = 0;
  bool network = false;
  std::vector<std::vector<Partition>> disks;
  std::vector<NamedProgram> programs;  // processes when it boots; they outlive it
};

class VmwarePort final : public Port {
 public:
  // Takes its memory from the host, which outlives it and powers it on.
  VmwarePort(WorkstationHost& host, const HostSpec& spec, model::Machine& machine, VirtualMachineOrder order);

  Kernel& kernel() { return kernel_; }
  // Of its monitor and its devices, under names that begin with `monitor`, and of its packets, with `kernel`.
  void add_metrics(const std::string& monitor, const std::string& kernel, std::vector<Metric>& metrics) const;
  std::optional<std::string> audit();
  const Monitor& monitor() const { return monitor_; }

  // --- Port --------------------------------------------------------------------------------------------------------
  Selectors selectors() const override { return {hw::kRing1Cs, hw::kRing1Ds}; }
  u32 processor() const override { return 0; }
  KernelImage image() const override { return kStockImage; }
  bool enter_system_call() override;
  bool return_to_user() override { return machine_.running().interrupt_return(); }
  void executed(sim::Cycles work, u32 interrupt_pairs, u32 plain_pairs) override;
  void did(Operation operation, u32 times) override;
  void disable_events() override;
  model::Task<> enable_events() override;
  model::Task<> create_space(AddressSpace& space) override;
  model::Task<> release_space(AddressSpace& space) override;
  model::Task<> create_table(AddressSpace& space, u32 slot) override;
  model::Task<> release_table(AddressSpace& space, u32 slot) override;
  PageEntry entry(const AddressSpace& space, u32 address) override;
  model::Task<> set_entry(AddressSpace& space, u32 address, PageEntry entry) override;
  model::Task<> entry_installed(AddressSpace& space, u32 address, bool replaced) override;
  model::Task<> flush_page(AddressSpace& space, u32 address) override;
  model::Task<> flush_range(AddressSpace& space, u32 start, u32 end) override;
  model::Task<> flush_space(AddressSpace& space) override;
  model::Task<> tables_released(AddressSpace& space) override;
  model::Task<> activate_space(AddressSpace& space) override;
  model::Task<> switch_process(const Process& next) override;
  model::Task<> start_child(AddressSpace&) override { return {}; }
  model::Task<> wait_for_interrupt(std::optional<u64> timer_ticks) override;
  void send_reschedule(u32) override {}  // there is nobody else
  model::Task<> take_interrupts() override;
  NetworkInterface* network() override { return has_network_ ? &driver_ : nullptr; }

 private:
  class AfterInterrupt;
  class Halt;

  // In the virtual machine's memory; stores to traced ones fault.
  class Tables final : public DirectTables {
   public:
    Tables(VmwarePort& port, GuestFrame master) : DirectTables{port.kernel_, master}, port_{port} {}

   private:
    hv::MachineFrame machine_frame(GuestFrame frame) const override;
    void store(GuestFrame table, u32 index, u32 word) override;

    VmwarePort& port_;
  };

  void build_kernel_map();
  model::Task<> boot();
  model::Task<> page_fault();
  model::Task<> timer_interrupt();
  model::Task<> card_interrupt();
  model::Task<> disk_interrupt();
  model::Task<> return_from(hw::Registers interrupted);
  u32 load(u32 address);  // of the kernel's memory
  bool loaded(const AddressSpace& space) const { return monitor_.shadow().loaded() == space.directory; }

  model::Machine& machine_;
  std::vector<NamedProgram> programs_;
  Kernel kernel_;
  Monitor monitor_;
  Tables tables_;
  bool has_network_;
  EmulatedNic card_;
  PcnetDriver driver_;
  std::optional<EmulatedDisk> disk_;
  std::optional<IdeDriver> disk_driver_;
  Monitor::Gates gates_;
};

}  // namespace guest
