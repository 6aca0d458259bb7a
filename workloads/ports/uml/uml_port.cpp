#include "workloads/ports/uml/uml_port.h"

#include "model/execution.h"
#include "workloads/hosts/partitions.h"

namespace guest {

// nanosleep: the host has nothing to run until its timer has a signal for the guest kernel.
class UmlPort::Sleep {
 public:
  explicit Sleep(UmlPort& port) : port_{port}, place_{port.machine_} {}
  bool await_ready() const { return port_.signals_wait(); }  // which ends it
  void await_suspend(std::coroutine_handle<> here) {
    place_.suspend(here);
    hw::Registers& registers = port_.machine_.running().registers();
    port_.asleep_ = registers;
    registers.cs = hw::kHypervisorCs;
    registers.ss = hw::kHypervisorDs;
    registers.eip = hw::kIdleLoop;
  }
  void await_resume() { place_.resumed(); }

 private:
  UmlPort& port_;
  model::SuspendedPlace place_;
};

UmlPort::UmlPort(const HostSpec& spec, model::Machine& machine, IpAddress address, std::vector<NamedProgram> programs)
    : machine_{machine},
      file_{uml_file(spec)},
      programs_{std::move(programs)},
      kernel_{"uml", machine, *this, 1, address, kernel_file(spec)},
      host_{machine, kernel_file(spec), file_},
      tables_{kernel_, kMasterDirectory},
      has_network_{wants_network(spec)},
      driver_{kernel_, host_, file_},
      disk_driver_{kernel_, host_, file_} {
  const std::vector<std::vector<Partition>> disks = lay_out_disks(spec);
  if (host_.disk() != nullptr) add_disks(kernel_, disk_driver_, disks);
  kernel_.give_memory(GuestFrame{kKernelImageFrames}, host_.guest_frames() - kKernelImageFrames,
                      GuestFrame{host_.guest_frames()}, spec.seed);
  auto& code = machine.code();
  boot_entry_ = code.add_entry([this](model::Cpu&) { kernel_.handle(boot()); });
  fault_entry_ = code.add_entry([this](model::Cpu&) { kernel_.handle(handle_fault()); });
  signal_entry_ = code.add_entry([this](model::Cpu&) { kernel_.handle(handle_signal()); });
  machine.set_supervisor(*this);
}

// --- boot ------------------------------------------------------------------------------------------------------------

void UmlPort::power_on() {
  for (u32 i = machine_.cpu_count(); i-- > 0;) {
    model::Cpu& cpu = machine_.physical_cpu(i);
    cpu.registers() = hw::Registers{};
    cpu.registers().eip = i == 0 ? boot_entry_ : hw::kIdleLoop;
    cpu.registers().cs = i == 0 ? hw::kRing1Cs : hw::kHypervisorCs;
    cpu.registers().ss = i == 0 ? hw::kRing1Ds : hw::kHypervisorDs;
    cpu.start();
  }
}

model::Task<> UmlPort::boot() {
  host_.start();
  if (has_network_) host_.start_network();
  host_.start_disk();
  kernel_.pass_history();
  for (const NamedProgram& named : programs_) co_await kernel_.spawn(named);
  co_await kernel_.start_daemons();
  kernel_.set_up();
  co_await kernel_.idle();
}

void UmlPort::add_metrics(std::vector<Metric>& metrics) const {
  const auto add = [&](const char* name, u64 value) { metrics.push_back({name, static_cast<s64>(value), ""}); };
  const HostKernel::Counts& counts = host_.counts();
  add("uml.switches", counts.switches);
  add("uml.calls", counts.calls);
  add("uml.signal_masks", counts.signal_masks);
  add("uml.maps", counts.maps);
  add("uml.live_unmaps", counts.live_unmaps);
  add("uml.empty_unmaps", counts.empty_unmaps);
  add("uml.minor_faults", counts.minor_faults);
  add("uml.frame_reads", counts.frame_reads);
  add("uml.frame_writes", counts.frame_writes);
  if (host_.disk() != nullptr) {
    add("uml.block_calls", counts.block_calls);
    host_.disk()->add_metrics(metrics);
  }
  const auto packets = [&](const char* name, u64 value) {
    metrics.push_back({name, static_cast<s64>(value), "packets"});
  };
  packets("kernel.packets_received", driver_.received());
  packets("kernel.packets_transmitted", driver_.transmitted());
  packets("kernel.receive_dropped", host_.network_counts().queue_dropped + kernel_.packets_dropped());
  packets("kernel.transmit_dropped", host_.network_counts().transmit_dropped + kernel_.transmit_queue().dropped());
}

// --- the host's entries ----------------------------------------------------------------------------------------------

void UmlPort::hypercall(model::Cpu&, hw::Registers&) { kernel_.panic("there is no hypervisor to call"); }

// User code stops, and the guest kernel, which has waited for that, goes on at `entry`.
void UmlPort::stop_user(hw::Registers& registers, u32 entry) {
  stopped_ = registers;
  host_.stop_user();
  registers.cs = hw::kRing1Cs;
  registers.ss = hw::kRing1Ds;
  registers.esp = kernel_.current().kernel_stack;
  registers.eip = entry;
}

void UmlPort::exception(model::Cpu&, hw::Registers& registers, std::uint32_t fault_address) {
  if (registers.vector != hw::kVectorPageFault) kernel_.panic("an exception that nothing here raises");
  if (registers.ring() != 3) kernel_.panic("the guest kernel uses memory that it does not have");
  if (host_.minor_fault(fault_address, (registers.error_code & hw::kFaultWrite) != 0)) return;
  fault_ = {fault_address, registers.error_code};
  stop_user(registers, fault_entry_);
}

void UmlPort::interrupt(model::Cpu&, hw::Registers& registers, std::uint32_t line) {
  if (line == hw::kTimerLine) {
    pending_ticks_ += host_.timer_interrupt();
  } else if (host_.disk() != nullptr && line == host_.disk()->interrupt_line()) {
    host_.disk_interrupt();
    if (!host_.block_answer_waits()) return;
  } else {
    host_.network().interrupt();
    if (!host_.frame_waits()) return;
    frames_wait_ = true;
  }
  if (registers.ring() == 3) {
    stop_user(registers, signal_entry_);
  } else if (registers.eip == hw::kIdleLoop) {
    registers = asleep_;
  }  // else the guest kernel is at work, and finds the signal when it lets signals in
}

// --- what the guest kernel does about them ---------------------------------------------------------------------------

void UmlPort::save_user_registers() {
  constexpr u32 kCalls = 3;  // wait, get registers, get FPU registers
  host_.call(kCalls);
  kernel_.set_user_frame({stopped_.eip, stopped_.cs, stopped_.eflags, stopped_.esp, stopped_.ss});
}

model::Task<> UmlPort::handle_fault() {
  const hw::Registers user = stopped_;
  const Fault fault = fault_;
  save_user_registers();
  host_.call();  // get the fault's address
  co_await kernel_.page_fault(fault.address, fault.error_code);
  co_await return_to_interrupted(user);
}

model::Task<> UmlPort::handle_signal() {
  const hw::Registers user = stopped_;
  save_user_registers();
  host_.change_signal_mask();  // the signal was blocked while its handler ran
  if (pending_ticks_ > 0) take_ticks();
  co_await serve_devices();
  if (kernel_.soft_interrupts_pending()) co_await kernel_.run_soft_interrupts();
  co_await return_to_interrupted(user);
}

model::Task<> UmlPort::return_to_interrupted(hw::Registers user) {
  co_await take_interrupts();
  co_await kernel_.reschedule_if_needed();
  if (kernel_.signal_pending()) co_await kernel_.deliver_signals();
  hw::Registers& registers = machine_.running().registers();
  const u32 stack = registers.esp;
  registers = user;
  registers.cs = hw::kRing1Cs;
  registers.ss = hw::kRing1Ds;
  registers.esp = stack;
  if (!return_to_user()) kernel_.panic("the kernel stack is not there");
}

void UmlPort::take_ticks() {
  kernel_.charge(kernel_.paths().interrupt_dispatch);
  host_.call();  // gettimeofday
  const u32 ticks = pending_ticks_;
  pending_ticks_ = 0;
  kernel_.timer_interrupt(ticks);
}

bool UmlPort::enter_system_call() {
  model::Cpu& cpu = machine_.running();
  hw::Registers& registers = cpu.registers();
  const hw::Registers user = registers;
  if (!cpu.system_call_entry()) return false;  // into the host
  host_.stop_user_in_call();
  registers.cs = hw::kRing1Cs;
  registers.ss = hw::kRing1Ds;
  kernel_.set_user_frame({user.eip, user.cs, user.eflags, user.esp, user.ss});
  return true;
}

bool UmlPort::return_to_user() {
  model::Cpu& cpu = machine_.running();
  UserFrame frame;
  if (!cpu.read(cpu.registers().esp, &frame, sizeof frame)) return false;
  hw::Registers user = cpu.registers();
  user.eip = frame.eip;
  user.cs = frame.cs;
  user.eflags = frame.eflags;
  user.esp = frame.esp;
  user.ss = frame.ss;
  host_.continue_user(user);
  return true;
}

// --- work and time ---------------------------------------------------------------------------------------------------

// Saving the state and turning interrupts off unblocks signals and blocks them; so does restoring it. Without saving it
// is one call off and one on.
void UmlPort::executed(sim::Cycles, u32 interrupt_pairs, u32 plain_pairs) {
  constexpr u32 kMasksPerPair = 4, kMasksPerPlainPair = 2;
  host_.change_signal_mask((interrupt_pairs - plain_pairs) * kMasksPerPair + plain_pairs * kMasksPerPlainPair);
}

void UmlPort::did(Operation operation, u32 times) {
  constexpr u32 kCopiesOfReturn = 4;
  constexpr u32 kFpuCalls = 2;  // its state from, or to, the user process
  switch (operation) {
    case Operation::user_copy:  // the fault catcher is armed, then the page table read
      host_.change_signal_mask(times);
      kernel_.charge(kernel_.paths().entry_scan, times);
      break;
    case Operation::signal_frame:
      host_.call(kFpuCalls * times);
      did(Operation::user_copy, file_.signal_frame_copies * times);
      break;
    case Operation::signal_return:
      host_.call(kFpuCalls * times);
      did(Operation::user_copy, kCopiesOfReturn * times);
      break;
    case Operation::clock_read:
      host_.call(times);
      break;
    case Operation::page_taken:  // it is written to, with the fault catcher armed, to see that the host has memory
      host_.change_signal_mask(times);
      break;
    default:
      if (operation != Operation::load_segment) break;
      machine_.running().charge(machine_.file().cpu.load_segment * times, model::Cause::operation);
  }
}

void UmlPort::disable_events() { host_.change_signal_mask(); }

model::Task<> UmlPort::enable_events() {
  host_.change_signal_mask();
  co_await model::interruptible(machine_);
  if (signals_wait()) co_await take_signals();
}

// While the guest kernel runs.
model::Task<> UmlPort::take_signals() {
  host_.call();  // the signal's delivery, and sigreturn
  host_.change_signal_mask(2);
  if (pending_ticks_ > 0) take_ticks();
  co_await serve_devices();
  if (kernel_.soft_interrupts_pending()) co_await kernel_.run_soft_interrupts();
}

model::Task<> UmlPort::serve_devices() {
  if (host_.block_answer_waits()) co_await disk_driver_.interrupt();
  if (!frames_wait_) co_return;
  frames_wait_ = false;
  co_await driver_.interrupt();
}

model::Task<> UmlPort::take_interrupts() {
  if (!has_network_ && host_.disk() == nullptr) co_return;
  co_await model::interruptible(machine_);
  while (devices_signal()) co_await take_signals();
}

model::Task<> UmlPort::wait_for_interrupt(std::optional<u64>) {
  host_.call();  // nanosleep
  co_await Sleep{*this};
  co_await enable_events();
}

// --- processes -------------------------------------------------------------------------------------------------------

model::Task<> UmlPort::switch_process(const Process& next) {
  constexpr u32 kStackMasks = 2;  // setjmp on the one stack, longjmp to the other
  constexpr u32 kTimerCalls = 2;  // from the timer that counts this process's time to the one that always runs, or back
  host_.change_signal_mask(kStackMasks);
  if ((next.id == 0) != idle_) {
    idle_ = !idle_;
    host_.call(kTimerCalls);
  }
  if (next.space && !host_.is_in_space(id_of(*next.space))) {
    host_.call();  // the user process switches to it
    host_.switch_space(id_of(*next.space));
  }
  return {};
}

// exec: nothing that the host has mapped counts any more.
model::Task<> UmlPort::activate_space(AddressSpace& space) {
  synchronize(space, 0, kKernelStart, Which::all);
  host_.call();
  host_.switch_space(id_of(space));
  return {};
}

model::Task<> UmlPort::start_child(AddressSpace& space) {
  host_.call(file_.first_run_calls);
  synchronize(space, 0, kKernelStart, Which::all);
  return {};
}

}  // namespace guest
