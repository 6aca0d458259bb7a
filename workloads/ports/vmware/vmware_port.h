// The guest kernel, unmodified, in a virtual machine of VMware Workstation: hosted, with binary translation of kernel
// code and direct execution of user code, and shadow page tables.
//
// The kernel does what it does on bare hardware and believes that it is there; the monitor (monitor.h) makes it dear.
// It has one processor, a timer at 100 Hz, and an emulated network card and disk.
#pragma once

#include <optional>
#include <vector>

#include "workloads/hosts/one_kernel_platform.h"
#include "workloads/kernel/kernel.h"
#include "workloads/ports/direct_tables.h"
#include "workloads/ports/stock_image.h"
#include "workloads/ports/vmware/emulated_nic.h"
#include "workloads/ports/vmware/ide_driver.h"
#include "workloads/ports/vmware/monitor.h"
#include "workloads/ports/vmware/pcnet_driver.h"
#include "workloads/programs/program.h"

namespace guest {

class VmwarePort final : public KernelOnMachine, public Port {
 public:
  // Throws SpecError.
  VmwarePort(const HostSpec& spec, model::Machine& machine, IpAddress address, std::vector<NamedProgram> programs);

  // --- KernelOnMachine ---------------------------------------------------------------------------------------------
  void power_on() override;
  Kernel& kernel() override { return kernel_; }
  void add_metrics(std::vector<Metric>& metrics) const override;
  std::optional<std::string> audit() override;

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
  model::Task<> start_child(AddressSpace&) override { co_return; }
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
  void find_disks(const HostSpec& spec);
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
  u32 boot_entry_;
  Monitor::Gates gates_;
};

}  // namespace guest
