#include "workloads/ports/native/native_port.h"

#include <algorithm>

#include "interface/layout.h"
#include "model/execution.h"

namespace guest {

namespace {

// Pages below the kernel's free memory: real-mode memory, the kernel image and its boot-time tables.
constexpr u32 kKernelImageFrames = 0x400000 / hv::kPageSize;
// What the direct map of i386 Linux covers; page tables and stacks must be in it.
constexpr u32 kLowMemoryBytes = 896u << 20;

constexpr u32 kTableEntry = hv::kEntryPresent | hv::kEntryWritable | hv::kEntryUser | hv::kEntryAccessed;
constexpr u32 kUserPage = hv::kEntryPresent | hv::kEntryWritable | hv::kEntryUser;
constexpr u32 kKernelPages =
    hv::kEntryPresent | hv::kEntryWritable | hv::kEntryLarge | hv::kEntryGlobal | hv::kEntryAccessed | hv::kEntryDirty;
constexpr u32 kFirstKernelSlot = kKernelStart / kDirectorySlotBytes;

PageAllocator memory_above_kernel(model::Machine& machine) {
  const u32 frames = machine.memory().frame_count();
  return PageAllocator{GuestFrame{kKernelImageFrames}, frames - kKernelImageFrames};
}

}  // namespace

// HLT with interrupts on. Whatever interrupts it makes the code behind it go on.
class NativePort::Halt {
 public:
  explicit Halt(NativePort& port) : port_{port} {}
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> here) {
    model::Cpu& cpu = port_.machine_.running();
    port_.processors_[cpu.id()].halted = cpu.suspend_here(here, model::Burst{});
    cpu.registers().eip = hw::kIdleLoop;
    cpu.registers().eflags |= hw::kInterruptFlag;
  }
  void await_resume() const {}

 private:
  NativePort& port_;
};

NativePort::NativePort(std::string name, model::Machine& machine, const KernelFile& file, IpAddress address,
                       std::vector<NamedProgram> programs)
    : machine_{machine},
      programs_{std::move(programs)},
      master_directory_{kKernelImageFrames - 1},
      processors_(machine.cpu_count()),
      kernel_{std::move(name), machine, *this, machine.cpu_count(), address, file},
      driver_{kernel_, *machine.network()} {
  kernel_.give_memory(memory_above_kernel(machine));
  build_kernel_map();
}

// What the boot loader and the kernel's first instructions do before there is an address space to run in.
void NativePort::build_kernel_map() {
  const u64 bytes = std::min<u64>(u64{machine_.memory().frame_count()} * hv::kPageSize, kLowMemoryBytes);
  const hw::Words directory = words(master_directory_);
  for (u32 slot = 0; slot < bytes / kDirectorySlotBytes; ++slot) {
    directory.store(kFirstKernelSlot + slot, slot * kDirectorySlotBytes | kKernelPages);
  }
}

// --- boot ------------------------------------------------------------------------------------------------------------

void NativePort::power_on() {
  const u32 boot_entry = machine_.code().add_entry([this](model::Cpu&) { kernel_.handlers().start(boot()); });
  const u32 other_entry =
      machine_.code().add_entry([this](model::Cpu&) { kernel_.handlers().start(start_processor()); });
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
  machine_.running().load_page_table_base(hv::MachineFrame{master_directory_.number()});
  driver_.start();
  machine_.router().route(driver_.interrupt_line(), 0);
  machine_.router().unmask(driver_.interrupt_line());
  for (const NamedProgram& named : programs_) co_await kernel_.spawn(named.name, *named.program);
  co_await kernel_.start_daemons();
  kernel_.set_up();
  co_await start_processor();
}

model::Task<> NativePort::start_processor() {
  model::Cpu& cpu = machine_.running();
  if (cpu.id() != 0) cpu.load_page_table_base(hv::MachineFrame{master_directory_.number()});
  cpu.set_direct_gate({0x80, hw::kHypervisorCs, 0});

  // The ticks of the processors are spread over the period, as Linux does it.
  const sim::Cycles period{machine_.clock().hertz() / kTicksPerSecond};
  Processor& processor = processors_[cpu.id()];
  processor.next_tick = cpu.cycles() + sim::Cycles{period.count() * (cpu.id() + 1) / (machine_.cpu_count() + 1)};
  cpu.arm_timer(static_cast<hv::u64>(processor.next_tick.count()));
  co_await kernel_.idle();
}

// --- entries ---------------------------------------------------------------------------------------------------------

void NativePort::hypercall(model::Cpu&, hw::Registers&) { kernel_.panic("there is no hypervisor to call"); }

void NativePort::interrupt(model::Cpu&, hw::Registers& registers, std::uint32_t line) {
  kernel_.handlers().start(handle_interrupt(registers, line));
}

void NativePort::exception(model::Cpu&, hw::Registers& registers, std::uint32_t fault_address) {
  kernel_.handlers().start(handle_exception(registers, fault_address));
}

void NativePort::enter_kernel(const hw::Registers& interrupted) {
  hw::Registers& registers = machine_.running().registers();
  registers.cs = hw::kHypervisorCs;
  registers.ss = hw::kHypervisorDs;
  registers.eflags &= ~hw::kInterruptFlag;
  if (interrupted.ring() == 3) registers.esp = kernel_.current().kernel_stack;
}

model::Task<> NativePort::handle_interrupt(hw::Registers interrupted, u32 line) {
  enter_kernel(interrupted);
  kernel_.charge(kernel_.paths().interrupt_dispatch);
  if (line == hw::kTimerLine) {
    timer_interrupt();
  } else if (line == driver_.interrupt_line()) {
    driver_.interrupt();
  }  // an IPI only says that the flag for rescheduling was set
  co_await return_from(interrupted);
}

model::Task<> NativePort::handle_exception(hw::Registers interrupted, u32 fault_address) {
  enter_kernel(interrupted);
  if (interrupted.vector != hw::kVectorPageFault) kernel_.panic("an exception that nothing here raises");
  co_await kernel_.page_fault(fault_address, interrupted.error_code);
  co_await return_from(interrupted);
}

model::Task<> NativePort::return_from(hw::Registers interrupted) {
  if (interrupted.ring() == 3) co_await kernel_.reschedule_if_needed();
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
  co_return;
}

GuestFrame NativePort::take_table() {
  const GuestFrame frame = kernel_.take_page();
  if (frame.number() >= kLowMemoryBytes / hv::kPageSize) kernel_.panic("no low memory for a page table");
  machine_.memory().zero(hv::MachineFrame{frame.number()});
  machine_.running().charge(machine_.clock().cycles_in(machine_.file().memory.zero_page_uncached));
  return frame;
}

model::Task<> NativePort::create_address_space(AddressSpace& space) {
  space.directory = take_table();
  const hw::Words from = words(master_directory_), to = words(space.directory);
  for (u32 slot = kFirstKernelSlot; slot < hv::kEntriesPerTable; ++slot) to.store(slot, from.load(slot));
  co_return;
}

model::Task<> NativePort::map_page(AddressSpace& space, u32 address, GuestFrame frame) {
  const u32 slot = address / kDirectorySlotBytes;
  auto table = space.tables.find(slot);
  if (table == space.tables.end()) {
    table = space.tables.emplace(slot, take_table()).first;
    words(space.directory).store(slot, hv::MachineFrame{table->second.number()}.address() | kTableEntry);
  }
  const u32 index = address / hv::kPageSize % hv::kEntriesPerTable;
  words(table->second).store(index, hv::MachineFrame{frame.number()}.address() | kUserPage);
  co_return;
}

model::Task<> NativePort::switch_process(const Process& next) {
  model::Cpu& cpu = machine_.running();
  if (next.space) {
    const hv::MachineFrame directory{next.space->directory.number()};
    if (cpu.page_table_base() != directory) cpu.load_page_table_base(directory);
  }
  cpu.set_ring1_stack(hw::kHypervisorDs, next.kernel_stack);  // the stack of the gates, here ring 0's
  co_return;
}

model::Task<> NativePort::wait_for_interrupt(std::optional<u64>) { co_await Halt{*this}; }

void NativePort::send_reschedule(u32 processor) { machine_.running().send_ipi(processor); }

}  // namespace guest
