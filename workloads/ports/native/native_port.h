// The guest kernel on bare hardware: ring 0, its own page tables, interrupts and timer, one or several processors.
//
// Kernel code of ring 0 runs with interrupts off from entry to exit; they wait until user mode or the idle loop. The
// direct map is 4 MB global pages, so a switch of address space drops user translations only. As on SMP Linux 2.4
// every processor has its own tick at 100 Hz, and all device interrupts go to processor 0.
#pragma once

#include <memory>
#include <vector>

#include "model/machine.h"
#include "workloads/hosts/one_kernel_platform.h"
#include "workloads/kernel/kernel.h"
#include "workloads/ports/direct_tables.h"
#include "workloads/ports/native/disk_driver.h"
#include "workloads/ports/native/nic_driver.h"
#include "workloads/ports/port.h"
#include "workloads/ports/stock_image.h"
#include "workloads/programs/program.h"

namespace guest {

class NativePort final : public KernelOnMachine, public Port, public model::Supervisor {
 public:
  NativePort(const HostSpec& spec, model::Machine& machine, IpAddress address, std::vector<NamedProgram> programs);

  // --- KernelOnMachine ---------------------------------------------------------------------------------------------
  void power_on() override;  // every CPU starts
  Kernel& kernel() override { return kernel_; }
  void add_metrics(std::vector<Metric>& metrics) const override;
  std::optional<std::string> audit() override;

  // --- Port --------------------------------------------------------------------------------------------------------
  Selectors selectors() const override { return {hw::kHypervisorCs, hw::kHypervisorDs}; }
  u32 processor() const override { return machine_.running().id(); }
  void disable_events() override;
  model::Task<> enable_events() override;
  KernelImage image() const override { return kStockImage; }
  bool enter_system_call() override { return machine_.running().system_call_entry(); }
  bool return_to_user() override { return machine_.running().interrupt_return(); }
  void executed(sim::Cycles, u32 interrupt_pairs, u32 plain_pairs) override;
  void did(Operation operation, u32 times) override;
  void let_interrupts_in(bool in) override;
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
  model::Task<> switch_process(const Process& next) override;
  model::Task<> activate_space(AddressSpace& space) override;
  model::Task<> start_child(AddressSpace&) override { return {}; }
  model::Task<> wait_for_interrupt(std::optional<u64> timer_ticks) override;
  void send_reschedule(u32 processor) override;
  NetworkInterface* network() override { return &driver_; }

  // --- Supervisor --------------------------------------------------------------------------------------------------
  void hypercall(model::Cpu& cpu, hw::Registers& registers) override;
  void exception(model::Cpu& cpu, hw::Registers& registers, std::uint32_t fault_address) override;
  void interrupt(model::Cpu& cpu, hw::Registers& registers, std::uint32_t line) override;
  model::Account account() const override { return model::Account::guest_kernel; }

 private:
  class Halt;
  struct Processor {
    u32 halted = 0;  // EIP of its idle process while the processor waits
    sim::Cycles next_tick;
    bool flush_due = false;  // another processor has changed the tables that are loaded here
  };

  void build_kernel_map();
  void find_disks(const HostSpec& spec);
  model::Task<> boot();
  model::Task<> start_processor();
  model::Task<> handle_interrupt(hw::Registers interrupted, u32 line);
  model::Task<> handle_exception(hw::Registers interrupted, u32 fault_address);
  model::Task<> return_from(hw::Registers interrupted);
  void enter_kernel(const hw::Registers& interrupted);
  void timer_interrupt();
  void load(const AddressSpace& space);
  bool loaded(const AddressSpace& space, hv::CpuId cpu) const;

  model::Machine& machine_;
  std::vector<NamedProgram> programs_;
  std::vector<Processor> processors_;
  Kernel kernel_;
  DirectTables tables_;
  NicDriver driver_;
  std::optional<DiskDriver> disk_;
};

}  // namespace guest
