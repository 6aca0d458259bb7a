#include "workloads/ports/vmware/vmware_port.h"

#include <algorithm>

#include "interface/layout.h"
#include "model/execution.h"
#include "workloads/kernel/memory_audit.h"

namespace guest {

// STI with an interrupt waiting: its handler comes first.
class VmwarePort::AfterInterrupt {
 public:
  explicit AfterInterrupt(VmwarePort& port) : port_{port}, place_{port.machine_} {}
  bool await_ready() const { return !port_.monitor_.interrupt_waits(); }
  void await_suspend(std::coroutine_handle<> here) {
    place_.suspend(here);
    port_.monitor_.take_interrupt();
  }
  void await_resume() { place_.resumed(); }

 private:
  VmwarePort& port_;
  model::SuspendedPlace place_;
};

// HLT with interrupts on.
class VmwarePort::Halt {
 public:
  explicit Halt(VmwarePort& port) : port_{port}, place_{port.machine_} {}
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> here) {
    place_.suspend(here);
    port_.monitor_.halt();
  }
  void await_resume() { place_.resumed(); }

 private:
  VmwarePort& port_;
  model::SuspendedPlace place_;
};

VmwarePort::VmwarePort(WorkstationHost& host, const HostSpec& spec, model::Machine& machine, VirtualMachineOrder order)
    : machine_{machine},
      programs_{std::move(order.programs)},
      kernel_{order.name, machine, *this, 1, order.address, kernel_file(spec)},
      monitor_{host, machine, workstation_file(spec), order.frames},
      tables_{*this, kMasterDirectory},
      has_network_{order.network},
      card_{monitor_, host, machine, workstation_file(spec), order.address},
      driver_{kernel_, card_} {
  kernel_.give_memory(GuestFrame{kKernelImageFrames}, order.frames - kKernelImageFrames,
                      GuestFrame{std::min(order.frames, kLowMemoryBytes / hv::kPageSize)}, spec.seed);
  build_kernel_map();
  auto& code = machine.code();
  host.add(monitor_, order.name, code.add_entry([this](model::Cpu&) { kernel_.handle(boot()); }));
  gates_.page_fault = code.add_entry([this](model::Cpu&) { kernel_.handle(page_fault()); });
  gates_.timer = code.add_entry([this](model::Cpu&) { kernel_.handle(timer_interrupt()); });
  if (has_network_) {
    monitor_.add_device(card_, code.add_entry([this](model::Cpu&) { kernel_.handle(card_interrupt()); }));
  }
  if (host.disk() == nullptr) return;
  disk_.emplace(monitor_, host, workstation_file(spec));
  disk_driver_.emplace(kernel_, *disk_);
  monitor_.add_device(*disk_, code.add_entry([this](model::Cpu&) { kernel_.handle(disk_interrupt()); }));
  add_disks(kernel_, *disk_driver_, order.disks);
}

// What the boot loader and the kernel's first instructions do before there is an address space to run in.
void VmwarePort::build_kernel_map() {
  const u32 frames = std::min(monitor_.memory().frames(), kLowMemoryBytes / hv::kPageSize);
  for (u32 slot = 0; slot < frames / hv::kEntriesPerTable; ++slot) {
    monitor_.memory().store(kMasterDirectory, kFirstKernelSlot + slot, slot * kDirectorySlotBytes | kKernelPages);
  }
}

// --- boot ------------------------------------------------------------------------------------------------------------

model::Task<> VmwarePort::boot() {
  const u32 stack = kMasterDirectory.kernel_address();  // the page below
  kernel_.idle_process(0).kernel_stack = stack;
  machine_.running().registers().esp = stack;
  monitor_.power_on(gates_);
  monitor_.set_kernel_stack(stack);
  monitor_.load_page_table_base(kMasterDirectory);
  if (has_network_) co_await driver_.start();
  if (disk_) disk_->start();
  kernel_.pass_history();
  for (const NamedProgram& named : programs_) co_await kernel_.spawn(named);
  co_await kernel_.start_daemons();
  kernel_.set_up();
  co_await kernel_.idle();
}

void VmwarePort::add_metrics(const std::string& monitor, const std::string& kernel,
                             std::vector<Metric>& metrics) const {
  const auto add = [&](const char* name, u64 value) {
    metrics.push_back({monitor + name, static_cast<s64>(value), ""});
  };
  const Monitor::Counts& counts = monitor_.counts();
  add(".transitions", counts.transitions);
  add(".true_faults", counts.true_faults);
  add(".hidden_faults", counts.hidden_faults);
  add(".traced_writes", counts.traced_writes);
  add(".address_space_loads", counts.address_space_loads);
  add(".world_switches", counts.world_switches);
  add(".port_accesses", counts.port_accesses);
  add(".evictions", monitor_.shadow().evictions());
  add(".card_address_accesses", card_.counts().address_accesses);
  add(".card_data_accesses", card_.counts().data_accesses);
  add(".card_interrupts", card_.counts().interrupts);
  add(".combined_sends", card_.counts().combined);
  if (disk_) {
    add(".disk_port_accesses", disk_->counts().port_accesses);
    add(".disk_requests", disk_->counts().requests);
    add(".disk_interrupts", disk_->counts().interrupts);
  }
  const auto packets = [&](const char* name, u64 value) {
    metrics.push_back({kernel + name, static_cast<s64>(value), "packets"});
  };
  packets(".packets_received", driver_.received());
  packets(".packets_transmitted", driver_.transmitted());
  packets(".receive_dropped", card_.host_counts().queue_dropped + kernel_.packets_dropped());
  packets(".transmit_dropped", card_.host_counts().transmit_dropped + kernel_.transmit_queue().dropped());
}

std::optional<std::string> VmwarePort::audit() {
  if (auto wrong = monitor_.shadow().audit()) return wrong;
  if (!card_.conserved(driver_.transmitted(), driver_.received()))
    return "frames at the virtual card are not conserved";
  return audit_memory(kernel_, [this](GuestFrame table, TableEntries& entries) { tables_.look_at(table, entries); });
}

// --- entries and returns ---------------------------------------------------------------------------------------------

bool VmwarePort::enter_system_call() {
  if (!machine_.running().system_call_entry()) return false;
  monitor_.entered_from_user();
  return true;
}

u32 VmwarePort::load(u32 address) {
  u32 word = 0;
  if (!machine_.running().read(address, &word, sizeof word)) kernel_.panic("its own memory is not mapped");
  return word;
}

model::Task<> VmwarePort::page_fault() {
  const u32 address = monitor_.fault_address();
  hw::Registers& registers = machine_.running().registers();
  const u32 error_code = load(registers.esp);
  registers.esp += sizeof(u32);
  const hw::Registers interrupted = registers;
  co_await kernel_.page_fault(address, error_code);
  co_await return_from(interrupted);
}

model::Task<> VmwarePort::timer_interrupt() {
  const hw::Registers interrupted = machine_.running().registers();
  kernel_.charge(kernel_.paths().interrupt_dispatch);
  monitor_.acknowledge_timer();
  kernel_.timer_interrupt(monitor_.take_ticks());
  if (kernel_.soft_interrupts_pending()) co_await kernel_.run_soft_interrupts();
  co_await return_from(interrupted);
}

model::Task<> VmwarePort::card_interrupt() {
  const hw::Registers interrupted = machine_.running().registers();
  kernel_.charge(kernel_.paths().interrupt_dispatch);
  monitor_.acknowledge_device();
  co_await driver_.interrupt();
  co_await kernel_.run_soft_interrupts();
  co_await return_from(interrupted);
}

model::Task<> VmwarePort::disk_interrupt() {
  const hw::Registers interrupted = machine_.running().registers();
  kernel_.charge(kernel_.paths().interrupt_dispatch);
  monitor_.acknowledge_device();
  co_await disk_driver_->interrupt();
  if (kernel_.soft_interrupts_pending()) co_await kernel_.run_soft_interrupts();
  co_await return_from(interrupted);
}

// To what an exception or an interrupt has interrupted; its frame is on the stack, its other registers in
// `interrupted`.
model::Task<> VmwarePort::return_from(hw::Registers interrupted) {
  const bool to_user = (load(interrupted.esp + sizeof(u32)) & 3) == 3;
  if (to_user) {
    co_await kernel_.reschedule_if_needed();
    if (kernel_.signal_pending()) co_await kernel_.deliver_signals();
  }
  model::Cpu& cpu = machine_.running();
  cpu.registers() = interrupted;
  if (!cpu.interrupt_return()) kernel_.panic("the kernel stack is not there");
  if ((cpu.registers().eflags & hw::kInterruptFlag) != 0 && monitor_.interrupt_waits()) monitor_.take_interrupt();
}

// --- what the kernel asks for ----------------------------------------------------------------------------------------

void VmwarePort::executed(sim::Cycles work, u32 interrupt_pairs, u32) {
  const auto& costs = machine_.file().cpu;
  // In the translation they change the virtual flag, which is no slower.
  machine_.running().charge((costs.disable_interrupts + costs.enable_interrupts) * interrupt_pairs,
                            model::Cause::operation);
  monitor_.executed(work);
}

void VmwarePort::did(Operation operation, u32 times) {
  if (operation == Operation::load_segment) monitor_.load_segments(times);
  if (operation == Operation::clock_read) monitor_.read_clock(times);
}

void VmwarePort::disable_events() {
  machine_.running().charge(machine_.file().cpu.disable_interrupts, model::Cause::operation);
  machine_.running().registers().eflags &= ~hw::kInterruptFlag;
}

model::Task<> VmwarePort::enable_events() {
  machine_.running().charge(machine_.file().cpu.enable_interrupts, model::Cause::operation);
  machine_.running().registers().eflags |= hw::kInterruptFlag;
  co_await AfterInterrupt{*this};
}

model::Task<> VmwarePort::take_interrupts() {
  while ((machine_.running().registers().eflags & hw::kInterruptFlag) != 0 && monitor_.interrupt_waits()) {
    co_await AfterInterrupt{*this};
  }
}

model::Task<> VmwarePort::switch_process(const Process& next) {
  if (next.space && !loaded(*next.space)) monitor_.load_page_table_base(next.space->directory);
  monitor_.set_kernel_stack(next.kernel_stack);
  return {};
}

model::Task<> VmwarePort::wait_for_interrupt(std::optional<u64>) {
  tables_.trim();
  co_await Halt{*this};
}

// --- page tables -----------------------------------------------------------------------------------------------------

hv::MachineFrame VmwarePort::Tables::machine_frame(GuestFrame frame) const {
  return port_.monitor_.memory().machine_frame(frame);
}

// MOV from EAX. The page of a traced table is read-only, and the store faults.
void VmwarePort::Tables::store(GuestFrame table, u32 index, u32 word) {
  if (!port_.monitor_.shadow().traced(table)) {
    DirectTables::store(table, index, word);
    return;
  }
  model::Cpu& cpu = port_.machine_.running();
  cpu.registers().eax = word;
  cpu.trap_exception(hw::kVectorPageFault, hw::kFaultPresent | hw::kFaultWrite, entry_address(table, index));
}

model::Task<> VmwarePort::create_space(AddressSpace& space) {
  tables_.create_space(space);
  return {};
}

model::Task<> VmwarePort::release_space(AddressSpace& space) {
  tables_.release_space(space);
  return {};
}

model::Task<> VmwarePort::create_table(AddressSpace& space, u32 slot) {
  tables_.create_table(space, slot);
  return {};
}

model::Task<> VmwarePort::release_table(AddressSpace& space, u32 slot) {
  tables_.release_table(space, slot);
  return {};
}

PageEntry VmwarePort::entry(const AddressSpace& space, u32 address) { return tables_.entry(space, address); }

model::Task<> VmwarePort::set_entry(AddressSpace& space, u32 address, PageEntry entry) {
  tables_.set_entry(space, address, entry);
  return {};
}

model::Task<> VmwarePort::entry_installed(AddressSpace& space, u32 address, bool replaced) {
  if (replaced) co_await flush_page(space, address);
}

model::Task<> VmwarePort::flush_page(AddressSpace& space, u32 address) {
  if (loaded(space)) monitor_.invalidate_page(address);
  return {};
}

model::Task<> VmwarePort::flush_range(AddressSpace& space, u32, u32) { return flush_space(space); }

model::Task<> VmwarePort::flush_space(AddressSpace& space) {
  if (loaded(space)) monitor_.load_page_table_base(space.directory);
  return {};
}

// Of a space at its end everything was flushed before.
model::Task<> VmwarePort::tables_released(AddressSpace& space) {
  tables_.trim();
  if (!space.areas.empty()) co_await flush_space(space);
}

model::Task<> VmwarePort::activate_space(AddressSpace& space) {
  if (!loaded(space)) monitor_.load_page_table_base(space.directory);
  return {};
}

}  // namespace guest
