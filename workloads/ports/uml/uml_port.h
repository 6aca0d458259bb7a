// The guest kernel as a process of a host kernel: User-Mode Linux with a separate kernel address space (skas3).
//
// The guest's page tables are words in its memory that no hardware reads. Storing one costs a store; every so often the
// kernel goes through those that changed (its TLB flushes) and asks the host to unmap and map pages in the address
// space where user code runs. Accessed and dirty are software: what is not dirty is mapped without the right to write.
// Interrupts are signals from the host, turning them off is a host call. Events and their counts are those of the
// sources of the 2.4.26 port; what one costs is the host's business (host_kernel.h).
#pragma once

#include <optional>
#include <vector>

#include "model/machine.h"
#include "workloads/hosts/one_kernel_platform.h"
#include "workloads/kernel/kernel.h"
#include "workloads/ports/direct_tables.h"
#include "workloads/ports/port.h"
#include "workloads/ports/stock_image.h"
#include "workloads/ports/uml/host_kernel.h"
#include "workloads/ports/uml/tap_driver.h"
#include "workloads/ports/uml/ubd_driver.h"
#include "workloads/programs/program.h"

namespace guest {

// Every word that the kernel stores is marked as one that the host has not been told of: set_pte and pte_clear do so,
// and thus even a mere change of rights unmaps the page and maps it again. (2.4.26, include/asm-um/pgtable.h.)
class UmlTables final : public DirectTables {
 public:
  static constexpr u32 kNew = 1u << 9;
  using DirectTables::DirectTables;

 private:
  hv::MachineFrame machine_frame(GuestFrame frame) const override { return HostKernel::machine_frame(frame); }
  void store(GuestFrame table, u32 index, u32 word) override { DirectTables::store(table, index, word | kNew); }
};

class UmlPort final : public KernelOnMachine, public Port, public model::Supervisor {
 public:
  // Throws SpecError.
  UmlPort(const HostSpec& spec, model::Machine& machine, IpAddress address, std::vector<NamedProgram> programs);

  // --- KernelOnMachine ---------------------------------------------------------------------------------------------
  void power_on() override;  // every CPU starts; the guest has one processor
  Kernel& kernel() override { return kernel_; }
  void add_metrics(std::vector<Metric>& metrics) const override;
  std::optional<std::string> audit() override;
  const HostKernel& host() const { return host_; }

  // --- Port --------------------------------------------------------------------------------------------------------
  Selectors selectors() const override { return {hw::kRing1Cs, hw::kRing1Ds}; }
  u32 processor() const override { return 0; }
  KernelImage image() const override { return kStockImage; }
  bool enter_system_call() override;
  bool return_to_user() override;
  void executed(sim::Cycles work, u32 interrupt_pairs, u32 plain_pairs) override;
  void did(Operation operation, u32 times) override;
  void disable_events() override;
  model::Task<> enable_events() override;
  model::Task<u32> reach_user(u32 address, model::Use use) override;
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
  model::Task<> start_child(AddressSpace& space) override;
  model::Task<> wait_for_interrupt(std::optional<u64> timer_ticks) override;
  void send_reschedule(u32) override {}  // there is no other processor
  model::Task<> take_interrupts() override;
  NetworkInterface* network() override { return has_network_ ? &driver_ : nullptr; }

  // --- Supervisor: the host kernel ---------------------------------------------------------------------------------
  void hypercall(model::Cpu& cpu, hw::Registers& registers) override;
  void exception(model::Cpu& cpu, hw::Registers& registers, std::uint32_t fault_address) override;
  void interrupt(model::Cpu& cpu, hw::Registers& registers, std::uint32_t line) override;
  model::Account account() const override { return model::Account::hypervisor; }

 private:
  class Sleep;
  struct Fault {
    u32 address = 0, error_code = 0;
  };

  model::Task<> boot();
  void stop_user(hw::Registers& registers, u32 entry);
  void save_user_registers();
  model::Task<> handle_fault();
  model::Task<> handle_signal();
  model::Task<> return_to_interrupted(hw::Registers user);
  void take_ticks();
  model::Task<> take_signals();
  bool signals_wait() const { return pending_ticks_ > 0 || devices_signal(); }
  bool devices_signal() const { return frames_wait_ || host_.block_answer_waits(); }
  model::Task<> serve_devices();
  static u32 id_of(const AddressSpace& space) { return space.directory.number(); }  // of the host's side of it
  enum class Which : u8 { changed, all };
  void synchronize(AddressSpace& space, u32 start, u32 end, Which which);
  void synchronize_slot(AddressSpace& space, u32 slot, Which which);
  void synchronize_entry(AddressSpace& space, u32 address, Which which);
  std::optional<std::string> audit_space(const AddressSpace& space);

  model::Machine& machine_;
  const UmlFile& file_;
  std::vector<NamedProgram> programs_;
  Kernel kernel_;
  HostKernel host_;
  UmlTables tables_;
  bool has_network_;
  TapDriver driver_;
  UbdDriver disk_driver_;
  u32 boot_entry_, fault_entry_, signal_entry_;
  hw::Registers stopped_;  // of user code, from its stop until the guest kernel has asked for them
  Fault fault_;
  u32 pending_ticks_ = 0;     // signals of the timer that the guest kernel has not taken
  bool frames_wait_ = false;  // and of the tap device
  hw::Registers asleep_;      // of the guest kernel while it waits in the host
  bool idle_ = false;         // its timer is the one for idleness
};

}  // namespace guest
