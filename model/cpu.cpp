#include "model/cpu.h"

#include <algorithm>
#include <bit>

#include "interface/layout.h"
#include "model/machine.h"

namespace model {

namespace {

constexpr std::uint32_t kComponentCpu = 0x100;  // + id, in the fingerprint

// A loop that neither computes nor waits is a bug of the guest software; it is caught instead of hanging.
constexpr int kMaxStepsWithoutTime = 1'000'000;

// Steps that check, and keep count of, what page tables and descriptors refer to.
constexpr bool is_validation(hw::Step step) { return step >= hw::Step::mmu_call && step <= hw::Step::mmu_extended; }

}  // namespace

Cpu::Cpu(Machine& machine, hv::CpuId id)
    : machine_{machine},
      id_{id},
      data_tlb_{machine.file().tlb.data_entries, machine.file().tlb.cost},
      instruction_tlb_{machine.file().tlb.instruction_entries, machine.file().tlb.cost},
      l2_{machine.file().cache.size, machine.file().cache.line_bytes, machine.file().cache.ways},
      cache_{machine.file().cache.lines(), machine.file().memory.line_refill, machine.clock()} {}

sim::Time Cpu::now() const { return std::max(machine_.clock().time_of(local_), machine_.queue().now()); }

// --- the run loop ----------------------------------------------------------------------------------------------------

void Cpu::start() {
  const sim::Cycles present = first_cycle_at(machine_.queue().now());
  idle_until(present);  // it was off
  go_on_at(local_);
}

void Cpu::on_event(std::uint64_t word) {
  switch (static_cast<Event>(word & 0xff)) {
    case Event::run:
      run();
      break;
    case Event::burst_end:
      end_burst(burst_end_);
      run();
      break;
    case Event::raise:
      raise(static_cast<std::uint32_t>(word >> 8));
      break;
  }
}

void Cpu::run() {
  state_ = State::handling;
  machine_.set_running(this);
  sim::Cycles last_progress = local_;
  int steps = 0;
  while (true) {
    if (local_ != last_progress) {
      last_progress = local_;
      steps = 0;
    } else if (++steps > kMaxStepsWithoutTime) {
      machine_.stop("a CPU runs in circles without using time");
    }
    if (is_ahead()) {
      go_on_at(local_);
      break;
    }
    if (pending_lines_ != 0 && interruptible()) {
      take_interrupt();
      continue;
    }
    if (idle_here()) {
      state_ = State::idle;
      break;
    }
    CodePlace* place = machine_.code().find(registers_.eip);
    if (place == nullptr) {
      trap_exception(hw::kVectorPageFault, registers_.ring() == 3 ? hw::kFaultUser : 0, registers_.eip);
      continue;
    }
    if (place->kind == CodePlace::Kind::entry) {
      place->enter(*this);
      continue;
    }
    if (place->burst.left > sim::Cycles{0} || !place->burst.sweeps.empty()) {
      if (!begin_burst(*place)) continue;
      state_ = State::computing;
      break;
    }
    const std::coroutine_handle<> coroutine = place->coroutine;
    machine_.code().release(registers_.eip);
    coroutine.resume();
  }
  machine_.set_running(nullptr);
}

void Cpu::go_on_at(sim::Cycles at) {
  state_ = State::handling;
  const sim::Time when = std::max(machine_.clock().time_of(at), machine_.queue().now());
  machine_.queue().schedule(when, *this, static_cast<std::uint64_t>(Event::run));
}

bool Cpu::is_ahead() const { return machine_.queue().next_time() < now(); }

bool Cpu::idle_here() const { return registers_.ring() == 0 && registers_.eip == hw::kIdleLoop; }

bool Cpu::interruptible() const {
  return registers_.ring() != 0 || idle_here() || (registers_.eflags & hw::kInterruptFlag) != 0;
}

sim::Cycles Cpu::first_cycle_at(sim::Time t) const {
  const sim::Cycles floor = machine_.clock().cycles_at(t);
  return machine_.clock().time_of(floor) < t ? floor + sim::Cycles{1} : floor;
}

// --- bursts ----------------------------------------------------------------------------------------------------------

bool Cpu::begin_burst(CodePlace& place) {
  Burst& burst = place.burst;
  if (!sweep(burst)) return false;
  if (burst.footprint != nullptr) {
    const Footprint& footprint = *burst.footprint;
    const bool user = registers_.ring() == 3;
    if (!within_segment(footprint.first_page, footprint.pages * hv::kPageSize)) {
      trap_exception(hw::kVectorGeneralProtection, 0, 0);
      return false;
    }
    for (; burst.pages_touched < footprint.pages; ++burst.pages_touched) {
      const std::uint32_t address = (footprint.first_page & hv::kEntryFrameMask) + burst.pages_touched * hv::kPageSize;
      Reached page;
      if (!reach(address, burst.pages_touched < footprint.writable_pages ? Use::write : Use::read, user, page)) {
        trap_exception(hw::kVectorPageFault, page.fault_code, address);
        return false;
      }
    }
    burst.pages_touched = 0;  // a later dispatch touches them anew: what the TLB kept costs nothing
    burst_plan_ = cache_.plan(directory_.number(), footprint, burst.left);
  } else {
    burst_plan_ = BurstPlan{.work = burst.left};
  }
  burst_place_ = &place;
  burst_start_ = local_;
  burst_end_ = local_ + burst_plan_.total();
  burst_event_ = machine_.queue().schedule(std::max(machine_.clock().time_of(burst_end_), machine_.queue().now()),
                                           *this, static_cast<std::uint64_t>(Event::burst_end));
  return true;
}

void Cpu::end_burst(sim::Cycles at) {
  const sim::Cycles elapsed = at - burst_start_;
  Burst& burst = burst_place_->burst;
  const Cause cause = burst.spun != nullptr ? Cause::spin : own_cause();
  if (burst.footprint != nullptr) cache_.ran(directory_.number(), *burst.footprint, burst_plan_, elapsed);
  const sim::Cycles progress = progress_after(burst_plan_, elapsed);
  burst.left -= progress;
  burst_place_ = nullptr;
  const sim::Cycles stall = elapsed - progress;
  advance(stall, account_here(), Cause::cache);
  advance(progress, account_here(), cause);
  if (burst.spun != nullptr) *burst.spun += progress;
  mark(Mark::progress, static_cast<std::uint64_t>(progress.count()));
}

// --- interrupts ------------------------------------------------------------------------------------------------------

void Cpu::raise(std::uint32_t line) {
  Cpu* raiser = machine_.running_or_none();
  if (raiser != nullptr && raiser != this) {
    // Raised by code that is ahead of the event queue: it happens at that code's time.
    if (!machine_.queue().pending(raises_[line])) raises_[line] = raise_at(raiser->now(), line);
    return;
  }
  pending_lines_ |= hv::u64{1} << line;
  if (raiser == nullptr) interrupted();
}

sim::EventHandle Cpu::raise_at(sim::Time when, std::uint32_t line) {
  return machine_.queue().schedule(when, *this, static_cast<std::uint64_t>(Event::raise) | std::uint64_t{line} << 8);
}

void Cpu::lower(std::uint32_t line) {
  pending_lines_ &= ~(hv::u64{1} << line);
  machine_.queue().cancel(raises_[line]);
}

void Cpu::interrupted() {
  if (state_ == State::idle) {
    idle_until(first_cycle_at(machine_.queue().now()));
    run();
  } else if (state_ == State::computing) {
    cut_burst();
    go_on();
  }
}

// At the event queue's present time, or before it has begun, if that is only after the handler before it is over.
void Cpu::cut_burst() {
  machine_.queue().cancel(burst_event_);
  end_burst(std::clamp(first_cycle_at(machine_.queue().now()), burst_start_, burst_end_));
}

void Cpu::go_on() {
  if (local_ <= first_cycle_at(machine_.queue().now())) {
    run();
  } else {
    go_on_at(local_);
  }
}

bool Cpu::finish_burst(CodePlace& place) {
  if (state_ != State::computing || burst_place_ != &place) return false;
  cut_burst();
  place.burst.left = sim::Cycles{0};
  go_on();
  return true;
}

void Cpu::take_interrupt() {
  const auto line = static_cast<std::uint32_t>(std::countr_zero(pending_lines_));
  lower(line);
  mark(Mark::interrupt, line);
  registers_.vector = line;
  in_supervisor(EntryKind::interrupt, 0, machine_.file().cpu.interrupt_entry,
                [&](Supervisor& supervisor) { supervisor.interrupt(*this, registers_, line); });
  if (line >= hw::kFirstDeviceLine) machine_.router().end_of_interrupt(line);
}

// --- entries into ring 0 ---------------------------------------------------------------------------------------------

template <class Enter>
void Cpu::in_supervisor(EntryKind kind, std::uint32_t fault_address, sim::Cycles entry_cost, Enter enter) {
  Supervisor& supervisor = machine_.supervisor();
  CpuObserver* observer = machine_.observer();
  if (observer != nullptr) observer->entered(id_, kind, registers_, fault_address, now());
  advance(entry_cost, machine_.supervisor_account(), Cause::crossing);
  in_supervisor_ = true;
  enter(supervisor);
  in_supervisor_ = false;
  advance(machine_.file().cpu.interrupt_return, machine_.supervisor_account(), Cause::crossing);
  if (observer != nullptr) observer->left(id_, now());
}

void Cpu::trap_hypercall() {
  mark(Mark::hypercall, registers_.eax);
  registers_.vector = hw::kVectorHypercall;
  in_supervisor(EntryKind::hypercall, 0, machine_.file().cpu.hypercall_entry,
                [&](Supervisor& supervisor) { supervisor.hypercall(*this, registers_); });
}

void Cpu::trap_exception(std::uint32_t vector, std::uint32_t error_code, std::uint32_t fault_address) {
  mark(Mark::exception, vector);
  registers_.vector = vector;
  registers_.error_code = error_code;
  in_supervisor(EntryKind::exception, fault_address, machine_.file().cpu.exception_entry,
                [&](Supervisor& supervisor) { supervisor.exception(*this, registers_, fault_address); });
}

bool Cpu::system_call_entry() {
  advance(machine_.file().cpu.system_call_entry, Account::guest_kernel, Cause::crossing);
  const hw::Registers user = registers_;
  registers_.cs = direct_gate_.cs;
  registers_.ss = ring1_ss_;
  const std::array<hv::u32, 5> frame = {user.eip, user.cs, user.eflags, user.esp, user.ss};  // lowest address first
  registers_.esp = ring1_esp_ - static_cast<hv::u32>(sizeof frame);
  if (write(registers_.esp, frame.data(), sizeof frame)) return true;
  registers_ = user;
  return false;
}

bool Cpu::interrupt_return() {
  std::array<hv::u32, 5> frame{};
  constexpr hv::u32 kSameRing = 3 * 4, kOuterRing = 5 * 4;
  if (!read(registers_.esp, frame.data(), kSameRing)) return false;
  const bool outer = (frame[1] & 3) > registers_.ring();
  if (outer && !read(registers_.esp, frame.data(), kOuterRing)) return false;
  advance(machine_.file().cpu.interrupt_return, account_here(), Cause::crossing);
  if ((frame[1] & 3) < registers_.ring()) {  // only ring 0 may go inwards
    trap_exception(hw::kVectorGeneralProtection, frame[1] & ~3u, 0);
    return true;
  }
  registers_.eip = frame[0];
  registers_.eflags = frame[2];
  registers_.esp += kSameRing;
  if (outer) {
    registers_.esp = frame[3];
    registers_.ss = frame[4];
  }
  registers_.cs = frame[1];
  return true;
}

std::uint32_t Cpu::suspend_here(std::coroutine_handle<> coroutine, const Burst& burst) {
  registers_.eip = machine_.code().suspend(coroutine, burst);
  return registers_.eip;
}

// --- time and its accounts -------------------------------------------------------------------------------------------

Account Cpu::account_here() const {
  switch (registers_.ring()) {
    case 0:
      return machine_.supervisor_account();
    case 3:
      return Account::guest_user;
    default:
      return Account::guest_kernel;
  }
}

void Cpu::advance(sim::Cycles cycles, Account account, Cause cause) {
  local_ += cycles;
  accounts_[static_cast<std::size_t>(account)] += cycles;
  causes_[static_cast<std::size_t>(cause)] += cycles;
}

void Cpu::idle_until(sim::Cycles present) {
  if (present <= local_) return;
  accounts_[static_cast<std::size_t>(Account::idle)] += present - local_;
  local_ = present;
}

void Cpu::charge(sim::Cycles cycles, Cause cause) {
  advance(cycles, in_supervisor_ ? machine_.supervisor_account() : account_here(), cause);
}

Cause Cpu::own_cause() const {
  switch (in_supervisor_ ? machine_.supervisor_account() : account_here()) {
    case Account::hypervisor:
      return Cause::hypervisor;
    case Account::guest_user:
      return Cause::user;
    default:
      return Cause::kernel;
  }
}

void Cpu::mark(Mark what, std::uint64_t detail) {
  machine_.fingerprint().mix(now(), kComponentCpu + id_, static_cast<std::uint64_t>(what) << 56 | detail);
}

sim::Cycles Cpu::accounted_until() const {
  const sim::Cycles present = first_cycle_at(machine_.queue().now());
  const bool waits = state_ == State::idle || state_ == State::computing;
  return waits ? std::max(local_, present) : local_;
}

Accounts Cpu::accounts() const {
  Accounts accounts = accounts_;
  const sim::Cycles running = accounted_until() - local_;
  const Account account = state_ == State::idle ? Account::idle : account_here();
  accounts[static_cast<std::size_t>(account)] += running;
  return accounts;
}

// --- what the core asks for ------------------------------------------------------------------------------------------

hv::u64 Cpu::cycle_counter() {
  charge(machine_.file().cpu.read_cycle_counter, Cause::operation);
  return static_cast<hv::u64>(local_.count());
}

void Cpu::load_page_table_base(hv::MachineFrame directory) {
  charge(machine_.file().cpu.load_cr3, Cause::operation);
  directory_ = directory;
  data_tlb_.flush();
  instruction_tlb_.flush();
  mark(Mark::address_space, directory.number());
}

void Cpu::invalidate_page(hv::u32 virtual_address) {
  charge(machine_.file().cpu.invalidate_page, Cause::operation);
  data_tlb_.invalidate(virtual_address);
  instruction_tlb_.invalidate(virtual_address);
}

void Cpu::flush_global() {
  charge(machine_.file().cpu.load_cr3, Cause::operation);
  data_tlb_.flush_global();
  instruction_tlb_.flush_global();
}

void Cpu::set_ring1_stack(hv::u32 ss, hv::u32 esp) {
  ring1_ss_ = ss;
  ring1_esp_ = esp;
}

void Cpu::set_direct_gate(const hw::DirectGate& gate) { direct_gate_ = gate; }

void Cpu::load_gdt(const hv::MachineFrame*, hv::u32) {
  charge(machine_.file().cpu.load_descriptor_table, Cause::operation);
}

void Cpu::load_ldt(hv::u32, hv::u32) { charge(machine_.file().cpu.load_descriptor_table, Cause::operation); }

// Guest software here never uses the FPU or a breakpoint: CR0.TS and the debug registers cost time and do nothing else.
void Cpu::set_task_switched(bool) { charge(machine_.file().cpu.set_task_switched, Cause::operation); }

void Cpu::save_fpu(hw::FpuImage&) { charge(machine_.file().cpu.save_fpu, Cause::operation); }

void Cpu::restore_fpu(const hw::FpuImage&) { charge(machine_.file().cpu.restore_fpu, Cause::operation); }

void Cpu::set_debug_register(hv::u32, hv::u32) { charge(machine_.file().cpu.write_debug_register, Cause::operation); }

void Cpu::arm_timer(hv::u64 deadline) {
  charge(machine_.file().cpu.apic_write, Cause::operation);
  machine_.queue().cancel(timer_event_);
  if (deadline == hw::kTimerOff) return;
  const sim::Cycles at{static_cast<std::int64_t>(deadline)};
  timer_event_ = raise_at(std::max(machine_.clock().time_of(at), now()), hw::kTimerLine);
}

void Cpu::send_ipi(hv::CpuId target) {
  charge(machine_.file().cpu.apic_write, Cause::operation);
  machine_.physical_cpu(target).raise_at(now() + machine_.file().cpu.ipi_latency, hw::kIpiLine);
}

// The targets' handlers run later than this code, whose time is ahead; what they must not use any more is gone now.
void Cpu::wait_for_flush(hv::u32 targets) {
  for (hv::CpuId id = 0; id < machine_.cpu_count(); ++id) {
    if ((targets >> id & 1) == 0) continue;
    machine_.physical_cpu(id).data_tlb_.flush();
    machine_.physical_cpu(id).instruction_tlb_.flush();
  }
  const auto& costs = machine_.file().cpu;
  charge(machine_.clock().cycles_in(costs.ipi_latency) + costs.interrupt_entry + costs.load_cr3, Cause::operation);
}

void Cpu::work(hw::Step step, hv::u32 times) {
  const MachineFile& file = machine_.file();
  const sim::Cycles locked = file.cpu.locked_operation * static_cast<std::int64_t>(hw::locked_operations(step) * times);
  step_cycles_[static_cast<std::size_t>(step)] += file.cycles(step, times) + locked;
  charge(file.cycles(step, times) + locked, is_validation(step) ? Cause::validation : own_cause());
  if (CpuObserver* observer = machine_.observer()) observer->worked(id_, step, times);
}

}  // namespace model
