#include "workloads/ports/vmware/monitor.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "model/execution.h"
#include "workloads/ports/hosted/host_paths.h"
#include "workloads/ports/page_entry.h"

namespace guest {

namespace {

constexpr u32 kHostTicksPerSecond = 100;  // HZ of Linux 2.4 on i386

constexpr model::Access access_of(u32 error_code) {
  return {.write = (error_code & hw::kFaultWrite) != 0, .user = (error_code & hw::kFaultUser) != 0};
}

}  // namespace

// Machine memory from the bottom: the host and the monitor's code, the shadow tables, the virtual machine.
Monitor::Monitor(model::Machine& machine, const WorkstationFile& file)
    : machine_{machine},
      file_{file},
      memory_{machine, hv::MachineFrame{file.host_pages + file.shadow_pages},
              machine.memory().frame_count() - file.host_pages - file.shadow_pages},
      shadow_{machine, memory_, hv::MachineFrame{file.host_pages}, file.shadow_pages, file.share_large != 0} {}

void Monitor::power_on(const Gates& gates) {
  gates_ = gates;
  next_host_tick_ = machine_.running().cycles();
  arm_host_tick();
}

// --- translated code -------------------------------------------------------------------------------------------------

void Monitor::executed(sim::Cycles work) {
  charge(sim::Cycles{work.count() * file_.indirect_branch.count() / file_.work_per_indirect_branch.count()});
}

void Monitor::load_segments(u32 times) { charge(file_.load_segment * times); }

void Monitor::read_clock(u32 times) { charge(file_.read_clock * times); }

void Monitor::entered_from_user() {
  ++counts_.transitions;
  charge(file_.transition);
}

void Monitor::load_page_table_base(GuestFrame directory) {
  ++counts_.address_space_loads;
  charge(file_.load_address_space);
  shadow_.load(directory);
}

void Monitor::invalidate_page(u32 address) {
  charge(file_.invalidate_page);
  shadow_.invalidate(address);
}

void Monitor::set_kernel_stack(u32 stack) {
  kernel_stack_ = stack;
  machine_.running().set_ring1_stack(hw::kRing1Ds, stack);
}

void Monitor::charge_shadow_event(u32 percent) {
  constexpr u32 kWhole = 100;
  charge(sim::Cycles{file_.shadow_event.count() * percent / kWhole});
}

// --- faults ----------------------------------------------------------------------------------------------------------

void Monitor::hypercall(model::Cpu&, hw::Registers&) {
  machine_.stop("a guest that knows of no monitor has called it");
}

bool Monitor::hidden_fault(model::Cpu&, std::uint32_t address, std::uint32_t error_code) {
  if (shadow_.resolve(address, access_of(error_code)) == ShadowTables::Fault::guest) return false;
  ++counts_.hidden_faults;
  charge_shadow_event(file_.hidden_fault_percent);
  return true;
}

void Monitor::exception(model::Cpu&, hw::Registers& registers, std::uint32_t fault_address) {
  if (registers.vector != hw::kVectorPageFault) machine_.stop("an exception that nothing in the guest raises");
  const GuestMemory::Walk walk = shadow_.guest_walk(fault_address);
  const model::Access access = access_of(registers.error_code);
  if (registers.ring() == 1 && walk.allows(access) && shadow_.traced(walk.frame)) {
    // The instruction stores EAX.
    ++counts_.traced_writes;
    charge_shadow_event(file_.traced_write_percent);
    shadow_.emulate_store(walk.frame, fault_address % hv::kPageSize / 4, registers.eax);
    return;
  }
  ++counts_.true_faults;
  charge(file_.shadow_event);
  fault_address_ = fault_address;
  // The MMU has seen the shadow; the guest is told what its own tables say.
  const u32 present = walk.present ? hw::kFaultPresent : 0;
  deliver(registers, gates_.page_fault, (registers.error_code & ~hw::kFaultPresent) | present);
}

void Monitor::deliver(hw::Registers& registers, u32 gate, std::optional<u32> error_code) {
  const hw::Registers interrupted = registers;
  std::vector<u32> frame;  // lowest address first
  if (error_code) frame.push_back(*error_code);
  frame.insert(frame.end(), {interrupted.eip, interrupted.cs, interrupted.eflags});
  if (interrupted.ring() == 3) {
    frame.insert(frame.end(), {interrupted.esp, interrupted.ss});
    registers.esp = kernel_stack_;
  }
  registers.cs = hw::kRing1Cs;
  registers.ss = hw::kRing1Ds;
  registers.eip = gate;
  const u32 bytes = static_cast<u32>(frame.size() * sizeof(u32));
  registers.esp -= bytes;
  if (!machine_.running().write(registers.esp, frame.data(), bytes)) machine_.stop("the guest's kernel has no stack");
}

// --- interrupts ------------------------------------------------------------------------------------------------------

void Monitor::arm_host_tick() {
  next_host_tick_ += sim::Cycles{machine_.clock().hertz() / kHostTicksPerSecond};
  machine_.running().arm_timer(static_cast<hv::u64>(next_host_tick_.count()));
}

void Monitor::host_tick() {
  arm_host_tick();
  ++waiting_ticks_;
  for (const Device& of : devices_) of.device->host_tick();
  switches_in_last_tick_ = counts_.world_switches - std::exchange(switches_at_tick_, counts_.world_switches);
}

// Whenever the CPU is in the host's world, the process looks for what its devices have to do.
void Monitor::run_process() {
  if (devices_.empty()) return;
  charge(file_.process_look);
  for (const Device& of : devices_) of.device->process();
}

bool Monitor::process_has_work() const {
  return std::any_of(devices_.begin(), devices_.end(), [](const Device& of) { return of.device->process_has_work(); });
}

const Monitor::Device* Monitor::raised_device() const {
  const auto found =
      std::find_if(devices_.begin(), devices_.end(), [](const Device& of) { return of.device->raised(); });
  return found == devices_.end() ? nullptr : &*found;
}

void Monitor::enter_host() {
  ++counts_.world_switches;
  charge(sim::Cycles{file_.world_switch.count() / 2});
}

// The address spaces of the two worlds have nothing in common, so the guest comes back to an empty TLB.
void Monitor::leave_host() {
  charge(file_.world_switch - sim::Cycles{file_.world_switch.count() / 2});
  model::Cpu& cpu = machine_.running();
  cpu.load_page_table_base(cpu.page_table_base());
}

// To the host, whose handler it is for, and back. The host's tick is also what the virtual timer is made of.
void Monitor::interrupt(model::Cpu&, hw::Registers& registers, std::uint32_t line) {
  if (line == hw::kTimerLine) host_tick();
  for (const Device& of : devices_) {
    if (line == of.device->host_line()) of.device->host_interrupt();
  }
  if (halted_) {
    // The process sleeps in select() until the timer or a device has something for it.
    if (waiting_ticks_ == 0 && !process_has_work()) return;
    charge(file_.host_wake);
    run_process();
    leave_host();
    registers = *std::exchange(halted_, std::nullopt);
  } else {
    enter_host();
    run_process();
    leave_host();
  }
  if ((registers.eflags & hw::kInterruptFlag) != 0 && interrupt_waits()) take_interrupt();
}

void Monitor::take_interrupt() {
  hw::Registers& registers = machine_.running().registers();
  if (registers.ring() == 3) entered_from_user();
  if (waiting_ticks_ > 0) {
    taken_ticks_ += std::exchange(waiting_ticks_, 0);
    deliver(registers, gates_.timer, std::nullopt);
  } else {
    const Device& of = *raised_device();
    of.device->taken();
    deliver(registers, of.gate, std::nullopt);
  }
  registers.eflags &= ~hw::kInterruptFlag;
}

// Those that wait, while the CPU is in the host's world anyway; false: there was none.
bool Monitor::host_interrupts() {
  const auto& costs = machine_.file().cpu;
  bool any = false;
  for (const Device& of : devices_) {
    if (!machine_.router().asserted(of.device->host_line())) continue;
    charge(costs.interrupt_entry + costs.interrupt_return);
    of.device->host_interrupt();
    any = true;
  }
  return any;
}

model::Task<> Monitor::call_process() {
  enter_host();
  hw::Registers& registers = machine_.running().registers();
  const u32 cs = registers.cs, flags = registers.eflags;
  registers.cs = hw::kHypervisorCs;
  registers.eflags &= ~hw::kInterruptFlag;
  run_process();
  co_await model::interruptible(machine_);  // what has happened until now reaches the devices
  while (host_interrupts()) {
  }
  for (const Device& of : devices_) of.device->process();
  registers.cs = cs;
  registers.eflags = flags;
  leave_host();
}

void Monitor::acknowledge_timer() {
  counts_.port_accesses += file_.port_accesses_per_tick;
  charge(file_.port_access * file_.port_accesses_per_tick);
}

void Monitor::acknowledge_device() {
  counts_.port_accesses += file_.port_accesses_per_interrupt;
  charge(file_.port_access * file_.port_accesses_per_interrupt);
}

u32 Monitor::take_ticks() { return std::exchange(taken_ticks_, 0); }

void Monitor::halt() {
  model::Cpu& cpu = machine_.running();
  cpu.registers().eflags |= hw::kInterruptFlag;
  if (interrupt_waits()) {
    take_interrupt();
    return;
  }
  enter_host();
  run_process();
  if (interrupt_waits()) {  // of what the process has just done
    leave_host();
    take_interrupt();
    return;
  }
  halted_ = cpu.registers();
  cpu.registers().cs = hw::kHypervisorCs;
  cpu.registers().ss = hw::kHypervisorDs;
  cpu.registers().eip = hw::kIdleLoop;
}

}  // namespace guest
