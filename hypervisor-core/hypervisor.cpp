#include "hypervisor.h"

#include "context_switch.h"
#include "hypercall_table.h"
#include "schedule/registry.h"

namespace hv {

namespace {

Scheduler& make_scheduler(hw::Machine& machine, Arena& arena, const BootParameters& parameters) {
  Scheduler* scheduler = make_scheduler(parameters.scheduler, parameters.variant, parameters.scheduling, arena);
  if (scheduler == nullptr) machine.stop("no such scheduler or variant");
  return *scheduler;
}

}  // namespace

u64 Hypervisor::bytes_needed(hw::Machine& machine, const BootParameters& parameters) {
  constexpr u64 kPortBlocks = 2;  // of a busy domain
  const u64 domain = sizeof(Domain*) + sizeof(Domain) + kMaxVcpusPerDomain * sizeof(Vcpu) +
                     kPortBlocks * sizeof(PortBlock) + kMaxVcpusPerDomain * machine.cpu_count() * sizeof(Vcpu*);
  return MemoryManager::bytes_needed(machine.memory().frame_count()) + Network::bytes_needed(parameters.max_domains) +
         BlockIo::bytes_needed(machine.block() != nullptr, parameters.max_domains) + scheduler_bytes() +
         domain * parameters.max_domains + kPageSize;
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
            run_states_,
            events_,
            clock_,
            {parameters.tick, parameters.timer_slop, machine.wall_clock_seconds()},
            machine.cpu_count(),
            parameters.max_domains * kMaxVcpusPerDomain},
      balancer_{machine.interrupts(), run_states_},
      network_{machine, arena_, domains_, memory_, run_states_, events_, clock_},
      network_line_{machine.network() == nullptr ? kNoLine : machine.network()->interrupt_line()},
      block_{machine, arena_, domains_, memory_, events_},
      block_line_{machine.block() == nullptr ? kNoLine : machine.block()->interrupt_line()},
      lifecycle_{machine, domains_, memory_, run_states_, events_, time_, network_, block_, clock_},
      control_{domains_, lifecycle_, memory_, run_states_, time_, network_, block_, clock_},
      traps_{memory_, events_, lifecycle_},
      timer_slop_{parameters.timer_slop} {
  if (machine.cycles_per_second() > SystemClock::kMaxFrequency) machine.stop("the cycle counter is too fast");
  clock_.enter(machine.cpu(0));
  for (SystemTime& booted : booted_at_) booted = kNever;
  for (const u32 line : {network_line_, block_line_})
    if (line != kNoLine) balancer_.take(line);
}

Domain& Hypervisor::create_domain0(u32 kilobytes, u32 vcpus, u32 entry_eip) {
  hw::Cpu& cpu = machine_.cpu(0);
  clock_.enter(cpu);
  Domain* domain0 = nullptr;
  InitialSpace space;
  if (!lifecycle_.create(kilobytes, vcpus, kAllCpus, domain0).ok() || domain0->id != kDomain0 ||
      !memory_.build_domain0(cpu, *domain0, space).ok() ||
      !lifecycle_.build(*domain0, {space.directory.number(), entry_eip, space.stack_top, space.start_info_address})
           .ok())
    machine_.stop("domain 0 cannot be built");
  lifecycle_.unpause(*domain0);
  send_ipis(cpu, run_states_.take_kicks());
  return *domain0;
}

inline Vcpu& Hypervisor::enter(hw::Cpu& cpu) {
  clock_.enter(cpu);
  return run_states_.current(cpu.id());
}

inline Caller Hypervisor::enter_from_guest(hw::Cpu& cpu, const hw::Registers& registers) {
  if (registers.ring() == 0) machine_.stop("exception inside the hypervisor");
  Vcpu& vcpu = enter(cpu);
  return {cpu, vcpu, *vcpu.domain};
}

inline bool Hypervisor::work_due() const { return (run_states_.attention() | memory_.flushes_due()) != 0; }

// Mostly there is nothing to do, for any CPU, and two tests say so: every hypercall and exception comes through here.
inline void Hypervisor::leave(hw::Cpu& cpu, Vcpu& current, hw::Registers& registers) {
  if (work_due() || events_.upcall_due(current)) work_and_leave(cpu, current, registers);
}

void Hypervisor::boot_cpu(hw::Cpu& cpu, hw::Registers& registers) {
  Vcpu& idle = enter(cpu);
  idle.run_since = booted_at_[cpu.id()] = clock_.now();
  balancer_.booted(cpu.id());
  registers = idle_registers();
  memory_.load_address_space(cpu, idle);
  cpu.set_task_switched(true);
  cpu.arm_timer(hw::kTimerOff);
  armed_[cpu.id()] = kNever;
  run_states_.timer_moved(cpu.id());
  leave(cpu, idle, registers);
}

void Hypervisor::hypercall(hw::Cpu& cpu, hw::Registers& registers) {
  Caller caller = enter_from_guest(cpu, registers);
  cpu.work(hw::Step::hypercall_dispatch);
  if (registers.ring() != 1) {
    traps_.hypercall_refused(caller, registers);
  } else {
    const u32 arguments[kHypercallArguments] = {registers.ebx, registers.ecx, registers.edx, registers.esi,
                                                registers.edi};
    registers.eax = static_cast<u32>(perform_hypercall(*this, caller, registers.eax, arguments).eax());
  }
  leave(cpu, caller.vcpu, registers);
}

void Hypervisor::exception(hw::Cpu& cpu, hw::Registers& registers, u32 fault_address) {
  Caller caller = enter_from_guest(cpu, registers);
  traps_.exception(caller, registers, fault_address);
  leave(cpu, caller.vcpu, registers);
}

void Hypervisor::return_fault(hw::Cpu& cpu, hw::Registers& registers) {
  Caller caller = enter_from_guest(cpu, registers);
  traps_.return_fault(caller, registers);
  leave(cpu, caller.vcpu, registers);
}

void Hypervisor::interrupt(hw::Cpu& cpu, hw::Registers& registers, u32 line) {
  Vcpu& current = enter(cpu);
  cpu.work(hw::Step::interrupt_dispatch);
  if (line == hw::kTimerLine) {
    armed_[current.cpu] = kNever;  // one shot; what is due is done on the way out
    run_states_.timer_moved(current.cpu);
  } else if (line == network_line_) {
    network_.device_interrupt(cpu);
    balancer_.handled(line, clock_.now());
  } else if (line == block_line_) {
    block_.device_interrupt(cpu);
    balancer_.handled(line, clock_.now());
  }
  leave(cpu, current, registers);  // kIpiLine asks for nothing else
}

// --- the way out -----------------------------------------------------------------------------------------------------

void Hypervisor::work_and_leave(hw::Cpu& cpu, Vcpu& current, hw::Registers& registers) {
  Vcpu* running = &current;
  for (;;) {
    if (work_due()) running = &settle(cpu, running->cpu, registers);
    if (!events_.upcall_due(*running)) return;
    Caller caller{cpu, *running, *running->domain};
    if (traps_.upcall(caller, registers)) return;  // further ones are masked; else the domain crashed: again
  }
}

inline void Hypervisor::interrupt_others(hw::Cpu& cpu, CpuId id) {
  const u32 flushes = memory_.flushes_due_elsewhere(id);
  u32 kicks = run_states_.take_kicks() | flushes;
  if (id != kDeviceCpu && network_.next_timer() < armed_[kDeviceCpu]) kicks |= 1u << kDeviceCpu;
  kicks &= ~(1u << id);
  if (kicks != 0) send_ipis(cpu, kicks);
  if (flushes != 0) cpu.wait_for_flush(flushes);
}

// Does what there is to do for this CPU, says so to others, and returns who runs then.
Vcpu& Hypervisor::settle(hw::Cpu& cpu, CpuId id, hw::Registers& registers) {
  cpu.work(hw::Step::exit_work);
  // As long as the first timer is the one that the hardware has, its interrupt says when it is due, and nobody needs to
  // look at the clock.
  SystemTime not_due = armed_[id];
  while (run_states_.take_attention(id)) {
    if (run_states_.take_timers_moved(id)) {
      const SystemTime first = next_timer(id);
      not_due = first != not_due && run_timers(cpu, first) ? next_timer(id) : first;
    }
    if (run_states_.reschedule_requested(id)) {
      schedule(cpu, registers, clock_.now());
      not_due = next_timer(id);
    }
  }
  memory_.settle_flush(cpu);
  if (not_due != armed_[id]) {
    armed_[id] = not_due;
    cpu.arm_timer(clock_.cycles_at(not_due));
  }
  interrupt_others(cpu, id);
  return run_states_.current(id);
}

// Runs the timers that are due, of which `first` is the first. False: not even that one is.
bool Hypervisor::run_timers(hw::Cpu& cpu, SystemTime first) {
  const CpuId id = cpu.id();
  const SystemTime now = clock_.now();
  if (first > now + timer_slop_) return false;
  cpu.work(hw::Step::timer_run);
  run_states_.run_timers(id, now);
  time_.run_timers(run_states_.current(id), now);
  if (id == kDeviceCpu && network_.next_timer() <= now) network_.run_timers(now);
  return true;
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
  const SystemTime next = earlier(run_states_.next_timer(id), time_.next_timer(id, run_states_.current(id)));
  return id == kDeviceCpu ? earlier(next, network_.next_timer()) : next;
}

// A CPU that is not booted yet will look for itself.
void Hypervisor::send_ipis(hw::Cpu& cpu, u32 targets) {
  for (CpuId id = 0; targets != 0; ++id, targets >>= 1)
    if ((targets & 1) != 0 && booted_at_[id] != kNever) cpu.send_ipi(id);
}

}  // namespace hv
