#include "hypervisor.h"

#include "context_switch.h"
#include "hypercall_table.h"
#include "schedule/registry.h"

namespace hv {

namespace {

constexpr CpuId kDeviceCpu = 0;  // takes the interrupts of the devices, and runs their timers

// An idle vCPU belongs to no domain; whoever asks for the caller's on an interrupt gets this one, which owns nothing.
constinit Domain no_domain;

Scheduler& make_scheduler(hw::Machine& machine, Arena& arena, const BootParameters& parameters) {
  Scheduler* scheduler =
      make_scheduler(parameters.scheduler, parameters.variant, {parameters.context_switch_allowance}, arena);
  if (scheduler == nullptr) machine.stop("no such scheduler or variant");
  return *scheduler;
}

}  // namespace

u64 Hypervisor::bytes_needed(hw::Machine& machine, const BootParameters& parameters) {
  constexpr u64 kPortBlocks = 2;  // of a busy domain
  const u64 domain = sizeof(Domain*) + sizeof(Domain) + kMaxVcpusPerDomain * sizeof(Vcpu) +
                     kPortBlocks * sizeof(PortBlock) + kMaxVcpusPerDomain * machine.cpu_count() * sizeof(Vcpu*);
  return MemoryManager::bytes_needed(machine.memory().frame_count()) + Network::bytes_needed(parameters.max_domains) +
         scheduler_bytes() + domain * parameters.max_domains + kPageSize;
}

Hypervisor::Hypervisor(hw::Machine& machine, Arena memory, const BootParameters& parameters)
    : machine_{machine},
      arena_{memory},
      clock_{machine.cycles_per_second(), machine.cpu(0).cycle_counter()},
      domains_{arena_, parameters.max_domains},
      memory_{machine, arena_, domains_, parameters.hypervisor_frames},
      scheduler_{make_scheduler(machine, arena_, parameters)},
      run_states_{scheduler_, machine.cpu_count(), parameters.timer_slop},
      events_{machine.memory(), arena_, domains_, run_states_, clock_},
      time_{machine.memory(),
            arena_,
            events_,
            clock_,
            {parameters.tick, parameters.timer_slop, machine.wall_clock_seconds()},
            machine.cpu_count(),
            parameters.max_domains * kMaxVcpusPerDomain},
      network_{machine, arena_, domains_, memory_, events_, clock_},
      lifecycle_{machine, domains_, memory_, run_states_, events_, time_, network_, clock_},
      control_{domains_, lifecycle_, memory_, run_states_, time_, network_, clock_},
      traps_{machine, memory_, events_, lifecycle_} {
  clock_.enter(machine.cpu(0));
  for (SystemTime& booted : booted_at_) booted = kNever;
  if (machine.network() != nullptr) {
    machine.interrupts().route(machine.network()->interrupt_line(), kDeviceCpu);
    machine.interrupts().unmask(machine.network()->interrupt_line());
  }
}

Domain& Hypervisor::create_domain0(u32 kilobytes, u32 vcpus, u32 entry_eip) {
  hw::Cpu& cpu = machine_.cpu(0);
  clock_.enter(cpu);
  Domain* domain0 = nullptr;
  InitialSpace space;
  if (!lifecycle_.create(kilobytes, vcpus, kAnyCpu, domain0).ok() || domain0->id != kDomain0 ||
      !memory_.build_domain0(cpu, *domain0, space).ok() ||
      !lifecycle_.build(*domain0, {space.directory.number(), entry_eip, space.stack_top, space.start_info_address})
           .ok())
    machine_.stop("domain 0 cannot be built");
  lifecycle_.unpause(*domain0);
  send_ipis(cpu, run_states_.take_kicks());
  return *domain0;
}

Caller Hypervisor::enter(hw::Cpu& cpu) {
  clock_.enter(cpu);
  Vcpu& current = run_states_.current(cpu.id());
  return {cpu, current, current.is_idle ? no_domain : *current.domain};
}

void Hypervisor::boot_cpu(hw::Cpu& cpu, hw::Registers& registers) {
  Caller caller = enter(cpu);
  caller.vcpu.run_since = booted_at_[cpu.id()] = clock_.now();
  registers = idle_registers();
  memory_.load_address_space(cpu, caller.vcpu);
  cpu.set_task_switched(true);
  cpu.arm_timer(hw::kTimerOff);
  armed_[cpu.id()] = kNever;
  leave(cpu, registers);
}

void Hypervisor::hypercall(hw::Cpu& cpu, hw::Registers& registers) {
  Caller caller = enter(cpu);
  cpu.work(hw::Step::hypercall_dispatch);
  if (registers.ring() != 1) {
    traps_.hypercall_refused(caller, registers);
  } else {
    const u32 arguments[kHypercallArguments] = {registers.ebx, registers.ecx, registers.edx, registers.esi,
                                                registers.edi};
    registers.eax = static_cast<u32>(perform_hypercall(*this, caller, registers.eax, arguments).eax());
  }
  leave(cpu, registers);
}

void Hypervisor::exception(hw::Cpu& cpu, hw::Registers& registers, u32 fault_address) {
  Caller caller = enter(cpu);
  traps_.exception(caller, registers, fault_address);
  leave(cpu, registers);
}

void Hypervisor::return_fault(hw::Cpu& cpu, hw::Registers& registers) {
  Caller caller = enter(cpu);
  traps_.return_fault(caller, registers);
  leave(cpu, registers);
}

void Hypervisor::interrupt(hw::Cpu& cpu, hw::Registers& registers, u32 line) {
  clock_.enter(cpu);
  cpu.work(hw::Step::interrupt_dispatch);
  if (line == hw::kTimerLine)
    armed_[cpu.id()] = kNever;  // one shot; what is due is done on the way out
  else if (machine_.network() != nullptr && line == machine_.network()->interrupt_line())
    network_.device_interrupt(cpu);
  leave(cpu, registers);  // kIpiLine asks for nothing else
}

// --- the way out -----------------------------------------------------------------------------------------------------

void Hypervisor::leave(hw::Cpu& cpu, hw::Registers& registers) {
  const CpuId id = cpu.id();
  // As long as the first timer is the one that the hardware has, its interrupt says when it is due. Looking at the
  // clock on every way out would cost more than the rest of it.
  SystemTime not_due = armed_[id];
  for (;;) {
    if (next_timer(id) != not_due) {
      run_timers(cpu);
      not_due = next_timer(id);
    }
    if (run_states_.reschedule_requested(id)) {
      schedule(cpu, registers, clock_.now());
      not_due = next_timer(id);
      continue;  // another vCPU: it may have an event
    }
    Vcpu& current = run_states_.current(id);
    if (current.is_idle || !events_.upcall_due(current)) break;
    Caller caller{cpu, current, *current.domain};
    traps_.upcall(caller, registers);  // sets the mask, or crashes the domain
  }
  memory_.settle_flush(cpu);
  if (not_due != armed_[id]) {
    armed_[id] = not_due;
    cpu.arm_timer(clock_.cycles_at(not_due));
  }
  interrupt_others(cpu);
}

void Hypervisor::run_timers(hw::Cpu& cpu) {
  const CpuId id = cpu.id();
  const SystemTime now = clock_.now();
  cpu.work(hw::Step::timer_run);
  run_states_.run_timers(id, now);
  time_.run_timers(run_states_.current(id), now);
  if (id == kDeviceCpu && network_.next_timer() <= now) network_.run_timers(now);
}

void Hypervisor::schedule(hw::Cpu& cpu, hw::Registers& registers, SystemTime now) {
  const CpuId id = cpu.id();
  Vcpu& previous = run_states_.current(id);
  Vcpu& next = run_states_.choose(id, now);
  cpu.work(hw::Step::schedule);
  if (const u32 scanned = run_states_.scanned(id); scanned != 0) cpu.work(hw::Step::schedule_scan, scanned);
  if (&next == &previous) {
    if (!next.is_idle) time_.refresh(next);
    return;
  }
  switch_context(cpu, registers, previous, next, memory_);
  time_.switched_in(next);
  if (previous.domain != nullptr) lifecycle_.reap(*previous.domain);
}

SystemTime Hypervisor::next_timer(CpuId id) const {
  SystemTime next = run_states_.next_timer(id);
  const SystemTime of_guests = time_.next_timer(run_states_.current(id));
  if (of_guests < next) next = of_guests;
  if (id != kDeviceCpu) return next;
  const SystemTime of_network = network_.next_timer();
  return of_network < next ? of_network : next;
}

void Hypervisor::interrupt_others(hw::Cpu& cpu) {
  u32 kicks = run_states_.take_kicks() | events_.take_kicks() | memory_.flushes_due_elsewhere(cpu.id());
  if (cpu.id() != kDeviceCpu && network_.next_timer() < armed_[kDeviceCpu]) kicks |= 1u << kDeviceCpu;
  send_ipis(cpu, kicks & ~(1u << cpu.id()));
}

// A CPU that is not booted yet will look for itself.
void Hypervisor::send_ipis(hw::Cpu& cpu, u32 targets) {
  for (CpuId id = 0; targets != 0; ++id, targets >>= 1)
    if ((targets & 1) != 0 && booted_at_[id] != kNever) cpu.send_ipi(id);
}

}  // namespace hv
