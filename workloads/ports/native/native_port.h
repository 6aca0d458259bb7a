// The guest kernel on bare hardware: ring 0, its own page tables, interrupts and timer, one or several processors.
//
// Kernel code of ring 0 runs with interrupts off from entry to exit; they wait until user mode or the idle loop. The
// direct map is 4 MB global pages, so a switch of address space drops user translations only. As on SMP Linux 2.4
// every processor has its own tick at 100 Hz, and all device interrupts go to processor 0.
#pragma once

#include <memory>
#include <vector>

#include "model/machine.h"
#include "workloads/kernel/kernel.h"
#include "workloads/ports/native/nic_driver.h"
#include "workloads/ports/port.h"

namespace guest {

class NativePort final : public Port, public model::Supervisor {
 public:
  // Programs become processes when the machine boots. They, the machine and the file outlive the port.
  struct NamedProgram {
    std::string name;
    Program* program;
  };
  NativePort(std::string name, model::Machine& machine, const KernelFile& file, IpAddress address,
             std::vector<NamedProgram> programs);

  void power_on();  // every CPU starts
  Kernel& kernel() { return kernel_; }
  const Kernel& kernel() const { return kernel_; }
  const NicDriver& driver() const { return driver_; }

  // --- Port --------------------------------------------------------------------------------------------------------
  Selectors selectors() const override { return {hw::kHypervisorCs, hw::kHypervisorDs}; }
  u32 processor() const override { return machine_.running().id(); }
  void disable_events() override;
  model::Task<> enable_events() override;
  model::Task<> create_address_space(AddressSpace& space) override;
  model::Task<> map_page(AddressSpace& space, u32 address, GuestFrame frame) override;
  model::Task<> switch_process(const Process& next) override;
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
  };

  void build_kernel_map();
  model::Task<> boot();
  model::Task<> start_processor();
  model::Task<> handle_interrupt(hw::Registers interrupted, u32 line);
  model::Task<> handle_exception(hw::Registers interrupted, u32 fault_address);
  model::Task<> return_from(hw::Registers interrupted);
  void enter_kernel(const hw::Registers& interrupted);
  void timer_interrupt();
  hw::Words words(GuestFrame frame) { return machine_.memory().frame(hv::MachineFrame{frame.number()}); }
  GuestFrame take_table();  // a zeroed page in the direct map

  model::Machine& machine_;
  std::vector<NamedProgram> programs_;
  GuestFrame master_directory_;
  std::vector<Processor> processors_;
  Kernel kernel_;
  NicDriver driver_;
};

}  // namespace guest
