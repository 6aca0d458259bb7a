#include "workloads/ports/native/native_port.h"

#include <algorithm>

#include "interface/layout.h"
#include "model/execution.h"
#include "workloads/hosts/partitions.h"
#include "workloads/kernel/memory_audit.h"
#include "workloads/ports/page_entry.h"

namespace guest {

// HLT with interrupts on. Whatever interrupts it makes the code behind it go on.
class NativePort::Halt {
 public:
  explicit Halt(NativePort& port) : port_{port}, place_{port.machine_} {}
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> here) {
    model::Cpu& cpu = port_.machine_.running();
    port_.processors_[cpu.id()].halted = place_.suspend(here);
    cpu.registers().eip = hw::kIdleLoop;
    cpu.registers().eflags |= hw::kInterruptFlag;
  }
  void await_resume() { place_.resumed(); }

 private:
  NativePort& port_;
  model::SuspendedPlace place_;
};

NativePort::NativePort(const HostSpec& spec, model::Machine& machine, IpAddress address,
                       std::vector<NamedProgram> programs)
    : machine_{machine},
      programs_{std::move(programs)},
      processors_(machine.cpu_count()),
      kernel_{"native", machine, *this, machine.cpu_count(), address, kernel_file(spec)},
      tables_{kernel_, kMasterDirectory},
      driver_{kernel_, machine} {
  kernel_.give_memory(GuestFrame{kKernelImageFrames}, machine.memory().frame_count() - kKernelImageFrames,
                      GuestFrame{kLowMemoryBytes / hv::kPageSize}, spec.seed);
  build_kernel_map();
  find_disks(spec);
  machine.set_supervisor(*this);
}

void NativePort::find_disks(const HostSpec& spec) {
  const std::vector<std::vector<Partition>> disks = lay_out_disks(spec);
  if (machine_.block() == nullptr) return;
  disk_.emplace(kernel_, *machine_.block());
  add_disks(kernel_, *disk_, disks);
}

// What the boot loader and the kernel's first instructions do before there is an address space to run in.
void NativePort::build_kernel_map() {
  const u64 bytes = std::min<u64>(u64{machine_.memory().frame_count()} * hv::kPageSize, kLowMemoryBytes);
  const hw::Words directory = tables_.words(kMasterDirectory);
  for (u32 slot = 0; slot < bytes / kDirectorySlotBytes; ++slot) {
    directory.store(kFirstKernelSlot + slot, slot * kDirectorySlotBytes | kKernelPages);
  }
}

// --- boot ------------------------------------------------------------------------------------------------------------

void NativePort::power_on() {
  const u32 boot_entry = machine_.code().add_entry([this](model::Cpu&) { kernel_.handle(boot()); });
  const u32 other_entry = machine_.code().add_entry([this](model::Cpu&) { kernel_.handle(start_processor()); });
  for (u32 i = machine_.cpu_count(); i-- > 0;) {  // the boot processor last: the others wait for its work
    model::Cpu& cpu = machine_.physical_cpu(i);
    cpu.registers() = hw::Registers{};
    cpu.registers().eip = i == 0 ? boot_entry : other_entry;
    cpu.registers().cs = hw::kHypervisorCs;
    cpu.registers().ss = hw::kHypervisorDs;
    cpu.start();
  }
}

model::Task<> NativePort::boot() {
  machine_.running().load_page_table_base(hv::MachineFrame{kMasterDirectory.number()});
  driver_.start();
  machine_.router().route(driver_.interrupt_line(), 0);
  machine_.router().unmask(driver_.interrupt_line());
  if (disk_) {
    machine_.router().route(disk_->interrupt_line(), 0);
    machine_.router().unmask(disk_->interrupt_line());
  }
  kernel_.pass_history();
  for (const NamedProgram& named : programs_) co_await kernel_.spawn(named);
  co_await kernel_.start_daemons();
  kernel_.set_up();
  co_await start_processor();
}

model::Task<> NativePort::start_processor() {
  model::Cpu& cpu = machine_.running();
  if (cpu.id() != 0) cpu.load_page_table_base(hv::MachineFrame{kMasterDirectory.number()});
  cpu.set_direct_gate({0x80, hw::kHypervisorCs, 0});

  // The ticks of the processors are spread over the period, as Linux does it.
  const sim::Cycles period{machine_.clock().hertz() / kTicksPerSecond};
  Processor& processor = processors_[cpu.id()];
  processor.next_tick = cpu.cycles() + sim::Cycles{period.count() * (cpu.id() + 1) / (machine_.cpu_count() + 1)};
  cpu.arm_timer(static_cast<hv::u64>(processor.next_tick.count()));
  co_await kernel_.idle();
}

// --- what to read off ------------------------------------------------------------------------------------------------

void NativePort::add_metrics(std::vector<Metric>& metrics) const {
  const auto add = [&](const char* name, u64 value) { metrics.push_back({name, static_cast<s64>(value), "packets"}); };
  add("kernel.packets_received", driver_.received());
  add("kernel.packets_transmitted", driver_.transmitted());
  add("kernel.transmit_dropped", kernel_.transmit_queue().dropped());
  metrics.push_back({"kernel.free_pages", kernel_.pages().free_frames() + tables_.kept(), "pages"});
}

std::optional<std::string> NativePort::audit() {
  return audit_memory(kernel_, [this](GuestFrame table, TableEntries& entries) { tables_.look_at(table, entries); });
}

// --- entries ---------------------------------------------------------------------------------------------------------

void NativePort::hypercall(model::Cpu&, hw::Registers&) { kernel_.panic("there is no hypervisor to call"); }

void NativePort::interrupt(model::Cpu&, hw::Registers& registers, std::uint32_t line) {
  kernel_.handle(handle_interrupt(registers, line));
}

void NativePort::exception(model::Cpu&, hw::Registers& registers, std::uint32_t fault_address) {
  kernel_.handle(handle_exception(registers, fault_address));
}

void NativePort::enter_kernel(const hw::Registers& interrupted) {
  hw::Registers& registers = machine_.running().registers();
  registers.cs = hw::kHypervisorCs;
  registers.ss = hw::kHypervisorDs;
  registers.eflags &= ~hw::kInterruptFlag;
  if (interrupted.ring() != 3) return;
  registers.esp = kernel_.current().kernel_stack;
  constexpr u32 kFrameBytes = sizeof(hw::Registers);  // that the entry stores there
  kernel_.touch(registers.esp - kFrameBytes, 1, model::Use::write);
}

model::Task<> NativePort::handle_interrupt(hw::Registers interrupted, u32 line) {
  enter_kernel(interrupted);
  kernel_.charge(kernel_.paths().interrupt_dispatch);
  if (line == hw::kTimerLine) {
    timer_interrupt();
  } else if (line == driver_.interrupt_line()) {
    co_await driver_.interrupt();
  } else if (disk_ && line == disk_->interrupt_line()) {
    co_await disk_->interrupt();
  } else if (processors_[processor()].flush_due) {  // else an IPI says that the flag for rescheduling was set
    processors_[processor()].flush_due = false;
    machine_.running().load_page_table_base(machine_.running().page_table_base());
  }
  if (kernel_.soft_interrupts_pending()) co_await kernel_.run_soft_interrupts();
  co_await return_from(interrupted);
}

model::Task<> NativePort::handle_exception(hw::Registers interrupted, u32 fault_address) {
  enter_kernel(interrupted);
  if (interrupted.vector != hw::kVectorPageFault) kernel_.panic("an exception that nothing here raises");
  co_await kernel_.page_fault(fault_address, interrupted.error_code);
  co_await return_from(interrupted);
}

model::Task<> NativePort::return_from(hw::Registers interrupted) {
  if (interrupted.ring() == 3) {
    co_await kernel_.reschedule_if_needed();
    if (kernel_.signal_pending()) {
      kernel_.set_user_frame({interrupted.eip, interrupted.cs, interrupted.eflags, interrupted.esp, interrupted.ss});
      co_await kernel_.deliver_signals();
    }
  }
  if (interrupted.eip == hw::kIdleLoop) {
    interrupted.eip = processors_[processor()].halted;
    interrupted.eflags &= ~hw::kInterruptFlag;
  }
  // The IRET was charged where the processor left ring 0 after an entry, which is once per entry whatever ran between.
  machine_.running().registers() = interrupted;
}

void NativePort::timer_interrupt() {
  model::Cpu& cpu = machine_.running();
  Processor& processor = processors_[cpu.id()];
  const sim::Cycles period{machine_.clock().hertz() / kTicksPerSecond};
  u32 ticks = 0;
  for (; processor.next_tick <= cpu.cycles(); processor.next_tick += period) ++ticks;
  cpu.arm_timer(static_cast<hv::u64>(processor.next_tick.count()));
  kernel_.timer_interrupt(ticks);
}

// --- what the kernel asks for ----------------------------------------------------------------------------------------

void NativePort::disable_events() { machine_.running().charge(machine_.file().cpu.disable_interrupts); }

model::Task<> NativePort::enable_events() {
  machine_.running().charge(machine_.file().cpu.enable_interrupts);
  return {};
}

void NativePort::let_interrupts_in(bool in) {
  u32& flags = machine_.running().registers().eflags;
  flags = in ? flags | hw::kInterruptFlag : flags & ~hw::kInterruptFlag;
}

void NativePort::executed(sim::Cycles, u32 interrupt_pairs, u32) {
  const auto& costs = machine_.file().cpu;
  machine_.running().charge((costs.disable_interrupts + costs.enable_interrupts) * interrupt_pairs,
                            model::Cause::operation);
}

void NativePort::did(Operation operation, u32 times) {
  if (operation != Operation::load_segment) return;
  machine_.running().charge(machine_.file().cpu.load_segment * times, model::Cause::operation);
}

model::Task<> NativePort::create_space(AddressSpace& space) {
  tables_.create_space(space);
  return {};
}

model::Task<> NativePort::release_space(AddressSpace& space) {
  tables_.release_space(space);
  return {};
}

model::Task<> NativePort::create_table(AddressSpace& space, u32 slot) {
  tables_.create_table(space, slot);
  return {};
}

model::Task<> NativePort::release_table(AddressSpace& space, u32 slot) {
  tables_.release_table(space, slot);
  return {};
}

PageEntry NativePort::entry(const AddressSpace& space, u32 address) { return tables_.entry(space, address); }

model::Task<> NativePort::set_entry(AddressSpace& space, u32 address, PageEntry entry) {
  tables_.set_entry(space, address, entry);
  return {};
}

model::Task<> NativePort::entry_installed(AddressSpace& space, u32 address, bool replaced) {
  if (replaced && loaded(space, processor())) machine_.running().invalidate_page(address);
  return {};
}

bool NativePort::loaded(const AddressSpace& space, hv::CpuId cpu) const {
  return machine_.physical_cpu(cpu).page_table_base() == hv::MachineFrame{space.directory.number()};
}

void NativePort::load(const AddressSpace& space) {
  machine_.running().load_page_table_base(hv::MachineFrame{space.directory.number()});
}

// Another processor that has it loaded is told as in flush_space().
model::Task<> NativePort::flush_page(AddressSpace& space, u32 address) {
  for (u32 cpu = 0; cpu < machine_.cpu_count(); ++cpu) {
    if (!loaded(space, cpu)) continue;
    if (cpu == processor()) {
      machine_.running().invalidate_page(address);
    } else {
      processors_[cpu].flush_due = true;
      machine_.running().send_ipi(cpu);
    }
  }
  return {};
}

model::Task<> NativePort::flush_range(AddressSpace& space, u32, u32) { return flush_space(space); }

// A space has one process, so another processor that has it loaded borrows it for a kernel thread or to be idle, and is
// told by an interrupt. Not modelled: the sender's wait for its answer.
model::Task<> NativePort::flush_space(AddressSpace& space) {
  for (u32 cpu = 0; cpu < machine_.cpu_count(); ++cpu) {
    if (!loaded(space, cpu)) continue;
    if (cpu == processor()) {
      load(space);
    } else {
      processors_[cpu].flush_due = true;
      machine_.running().send_ipi(cpu);
    }
  }
  return {};
}

// Of a space at its end everything was flushed before.
model::Task<> NativePort::tables_released(AddressSpace& space) {
  tables_.trim();
  if (!space.areas.empty()) co_await flush_space(space);
}

model::Task<> NativePort::activate_space(AddressSpace& space) {
  if (!loaded(space, processor())) load(space);
  return {};
}

model::Task<> NativePort::switch_process(const Process& next) {
  if (next.space && !loaded(*next.space, processor())) load(*next.space);
  machine_.running().set_ring1_stack(hw::kHypervisorDs, next.kernel_stack);  // the stack of the gates, here ring 0's
  return {};
}

model::Task<> NativePort::wait_for_interrupt(std::optional<u64>) {
  tables_.trim();
  co_await Halt{*this};
}

void NativePort::send_reschedule(u32 processor) { machine_.running().send_ipi(processor); }

}  // namespace guest
