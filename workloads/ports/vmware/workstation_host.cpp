#include "workloads/ports/vmware/workstation_host.h"

#include <fmt/format.h>

#include <algorithm>

#include "workloads/kernel/kernel.h"

namespace guest {

namespace {

// The host's image; the buffers of its card lie behind it.
constexpr u32 kFirstCardFrame = 0x400000 / hv::kPageSize;

sim::Cycles tick_length(const model::Machine& machine) {
  return sim::Cycles{machine.clock().hertz() / kTicksPerSecond};
}

}  // namespace

WorkstationHost::WorkstationHost(const HostSpec& spec, model::Machine& machine)
    : machine_{machine},
      file_{workstation_file(spec)},
      paths_{machine, kernel_file(spec)},
      network_{machine, kernel_file(spec), file_.bridge_frames},
      next_frame_{file_.host_pages},
      scheduler_{machine.cpu_count()} {
  if (machine.block() != nullptr) disk_.emplace(machine, kernel_file(spec), file_.cache_pages);
  for (hv::CpuId i = 0; i < machine.cpu_count(); ++i) scheduler_.set_idle(i, processors_.emplace_back().idle);
}

// --- power on --------------------------------------------------------------------------------------------------------

u32 WorkstationHost::frames_left() const {
  const u32 all = machine_.memory().frame_count();
  return all - std::min(all, next_frame_);
}

hv::MachineFrame WorkstationHost::take_frames(u32 frames) {
  if (frames > frames_left()) machine_.stop("more memory for virtual machines than the host leaves");
  return hv::MachineFrame{std::exchange(next_frame_, next_frame_ + frames)};
}

void WorkstationHost::add(VirtualMachine& virtual_machine, const std::string& name, u32 boot_entry) {
  Running& added = processes_.emplace_back(virtual_machine, static_cast<ProcessId>(processes_.size() + 1), name);
  added.process.space = std::make_shared<AddressSpace>();
  added.registers.eip = boot_entry;
  added.registers.cs = hw::kRing1Cs;
  added.registers.ss = hw::kRing1Ds;
  scheduler_.add_process(added.process);
}

void WorkstationHost::power_on() {
  // What wakes last comes first.
  std::for_each(processes_.rbegin(), processes_.rend(), [&](Running& each) { scheduler_.wake(each.process); });
  for (hv::CpuId i = 0; i < machine_.cpu_count(); ++i) {
    hw::Registers& registers = machine_.physical_cpu(i).registers();
    const Process& first = *scheduler_.choose(i).next;
    registers = hw::Registers{};
    if (first.id != 0) {
      ++of(first).counts.switches_in;
      registers = of(first).registers;
    } else {
      go_idle(registers);
    }
  }
  for (hv::CpuId i = machine_.cpu_count(); i-- > 0;) {
    machine_.physical_cpu(i).set_direct_gate({0x80, hw::kRing1Cs, 0});  // of every guest, which are all alike
    machine_.physical_cpu(i).start();
  }
}

void WorkstationHost::go_idle(hw::Registers& registers) {
  registers.cs = hw::kHypervisorCs;
  registers.ss = hw::kHypervisorDs;
  registers.eip = hw::kIdleLoop;
}

void WorkstationHost::start_network() {
  if (std::exchange(network_started_, true)) return;
  u32 frame = kFirstCardFrame;
  network_.start([&frame] { return hv::MachineFrame{frame++}; });
}

void WorkstationHost::start_disk() {
  if (!std::exchange(disk_started_, true)) disk_->start();
}

// --- the timers ------------------------------------------------------------------------------------------------------

// Those of the processors go off one after the other within a tick (2.4.21, arch/i386/kernel/apic.c, setup_APIC_timer).
// An idle processor's other than the first's would find nothing to do, and is off.
void WorkstationHost::start_tick() {
  model::Cpu& cpu = machine_.running();
  Processor& here = processors_[cpu.id()];
  if (here.ticks) return;
  const sim::Cycles length = tick_length(machine_);
  if (here.next_tick == sim::Cycles{0}) {
    here.next_tick = cpu.cycles() + sim::Cycles{length.count() * cpu.id() / (machine_.cpu_count() + 1)};
  }
  do {
    here.next_tick += length;
  } while (here.next_tick <= cpu.cycles());
  here.ticks = true;
  cpu.arm_timer(static_cast<hv::u64>(here.next_tick.count()));
}

void WorkstationHost::tick(model::Cpu& cpu) {
  processors_[cpu.id()].ticks = false;
  if (cpu.id() == 0 || current(cpu.id()) != nullptr) start_tick();
  if (cpu.id() == 0) {
    if (disk_) disk_->tick(1);
    for (const Running& each : processes_) each.machine->host_tick();
  }
  scheduler_.tick(cpu.id(), 1);
}

// --- interrupts and exceptions ---------------------------------------------------------------------------------------

void WorkstationHost::hypercall(model::Cpu&, hw::Registers&) {
  machine_.stop("a guest that knows of no monitor has called it");
}

void WorkstationHost::exception(model::Cpu& cpu, hw::Registers& registers, std::uint32_t fault_address) {
  current(cpu.id())->machine->exception(registers, fault_address);
}

bool WorkstationHost::hidden_fault(model::Cpu& cpu, std::uint32_t address, std::uint32_t error_code) {
  return current(cpu.id())->machine->hidden_fault(address, error_code);
}

// For the host, whoever runs there.
void WorkstationHost::interrupt(model::Cpu& cpu, hw::Registers& registers, std::uint32_t line) {
  if (line == hw::kTimerLine) tick(cpu);
  if (network_started_ && line == network_.interrupt_line()) network_.interrupt();
  if (disk_ && line == disk_->interrupt_line()) disk_->interrupt();
  wake_those_with_work();
  Running* const here = current(cpu.id());
  if (here != nullptr) {
    here->machine->enter_host();
    here->machine->run_process();
  }
  if (must_give_way()) {
    if (here != nullptr) here->registers = registers;
    run_next(cpu);
  } else if (here != nullptr) {
    here->machine->leave_host();
    here->machine->deliver_interrupt();
  }
}

// Those that wait, while the processor is in the host's world anyway.
bool WorkstationHost::device_interrupts() {
  model::Cpu& cpu = machine_.running();
  if (cpu.id() != 0) return false;
  const auto& costs = machine_.file().cpu;
  bool any = false;
  const auto handle = [&](auto& device) {
    if (!machine_.router().asserted(device.interrupt_line())) return;
    cpu.charge(costs.interrupt_entry + costs.interrupt_return, model::Cause::emulation);
    device.interrupt();
    any = true;
  };
  if (network_started_) handle(network_);
  if (disk_started_) handle(*disk_);
  if (any) wake_those_with_work();
  return any;
}

// --- who runs --------------------------------------------------------------------------------------------------------

WorkstationHost::Running* WorkstationHost::current(hv::CpuId cpu) {
  const Process& process = scheduler_.current(cpu);
  return process.id == 0 ? nullptr : &of(process);
}

void WorkstationHost::wake_those_with_work() {
  model::Cpu& cpu = machine_.running();
  for (Running& each : processes_) {
    if (each.process.state != Process::State::sleeping || !each.machine->has_work()) continue;
    const std::optional<u32> where = scheduler_.wake(each.process);
    if (where && *where != cpu.id()) cpu.send_ipi(*where);
  }
}

void WorkstationHost::give_way() {
  model::Cpu& cpu = machine_.running();
  current(cpu.id())->registers = cpu.registers();
  run_next(cpu);
}

void WorkstationHost::sleep() {
  model::Cpu& cpu = machine_.running();
  Running& here = *current(cpu.id());
  here.registers = cpu.registers();
  here.in_select = true;
  here.process.state = Process::State::sleeping;
  run_next(cpu);
}

// What one process among others costs to choose is in the price of the world switch.
void WorkstationHost::run_next(model::Cpu& cpu) {
  Process& previous = scheduler_.current(cpu.id());
  const Scheduler::Choice choice = scheduler_.choose(cpu.id());
  Process& next = *choice.next;
  hw::Registers& registers = cpu.registers();
  go_idle(registers);
  if (&next != &previous) account_switch(cpu, previous, next);
  if (next.id == 0) return;

  Running& chosen = of(next);
  if (chosen.in_select) {
    cpu.charge(file_.host_wake, model::Cause::emulation);
    chosen.machine->run_process();
  } else if (&next != &previous) {
    const KernelFile::Paths& paths = paths_.paths();
    paths_.spend(paths.schedule);
    paths_.spend(paths_.length(paths.schedule_task) * (choice.examined + choice.recalculated));
    paths_.spend(paths.switch_task);
    chosen.machine->run_process();
  }
  chosen.in_select = false;
  start_tick();
  chosen.machine->leave_host();
  registers = chosen.registers;
  chosen.machine->deliver_interrupt();
}

void WorkstationHost::account_switch(const model::Cpu& cpu, Process& previous, const Process& next) {
  Processor& here = processors_[cpu.id()];
  const sim::Cycles since = std::exchange(here.given_since, cpu.cycles());
  if (previous.id != 0) {
    of(previous).counts.cpu_time += cpu.cycles() - since;
    here.given += cpu.cycles() - since;
  }
  previous.on_processor = false;
  if (next.id != 0) ++of(next).counts.switches_in;
}

// --- what to read off ------------------------------------------------------------------------------------------------

WorkstationHost::Counts WorkstationHost::counts(const VirtualMachine& machine) const {
  const auto process = std::ranges::find(processes_, &machine, &Running::machine);
  Counts counts = process->counts;
  for (hv::CpuId i = 0; i < machine_.cpu_count(); ++i) {
    if (&scheduler_.current(i) == &process->process) counts.cpu_time += running_time(i);
  }
  return counts;
}

// Of the process that a processor runs, since it got that.
sim::Cycles WorkstationHost::running_time(hv::CpuId cpu) const {
  return machine_.physical_cpu(cpu).accounted_until() - processors_[cpu].given_since;
}

void WorkstationHost::add_metrics(std::vector<Metric>& metrics) const {
  if (disk_) disk_->add_metrics(metrics);
}

std::optional<std::string> WorkstationHost::audit() const {
  if (!network_.conserved()) return "frames in the host's bridge are not conserved";
  sim::Cycles given, taken;
  for (hv::CpuId i = 0; i < machine_.cpu_count(); ++i) {
    const model::Cpu& cpu = machine_.physical_cpu(i);
    const bool runs = scheduler_.current(i).id != 0;
    const sim::Cycles here = processors_[i].given + (runs ? running_time(i) : sim::Cycles{0});
    const sim::Cycles idle = cpu.accounts()[static_cast<std::size_t>(model::Account::idle)];
    if (here + idle > cpu.accounted_until()) return fmt::format("processes run on CPU {} while it is idle", i);
    given += here;
  }
  for (const Running& each : processes_) {
    taken += counts(*each.machine).cpu_time;
    if (each.process.state == Process::State::sleeping && each.machine->has_work()) {
      return fmt::format("the process of {} sleeps and has work", each.process.name);
    }
  }
  if (given != taken) return "the processes do not have the time that the processors gave them";
  return std::nullopt;
}

}  // namespace guest
