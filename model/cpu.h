// One physical CPU: registers, rings of privilege, local time, and the loop that runs whatever its EIP names.
//
// The CPU is idle, or runs a burst of user work, or runs kernel code (the supervisor's or a guest kernel's). A burst is
// one event and can be interrupted at any cycle. Kernel code is C++ that runs to completion and charges the CPU as it
// goes, so local time runs ahead of the event queue by the length of one handler; interrupts raised meanwhile are taken
// when it ends. Every cycle of local time goes to exactly one account.
#pragma once

#include <array>
#include <cstdint>

#include "hardware/cpu.h"
#include "hardware/registers.h"
#include "model/cache.h"
#include "model/code_map.h"
#include "model/cpu_observer.h"
#include "model/l2_cache.h"
#include "model/tlb.h"
#include "sim/event_queue.h"
#include "sim/time.h"

namespace model {

class Machine;

// Where a CPU's time goes. Every cycle of it goes to exactly one of these.
enum class Account : std::uint8_t { idle, hypervisor, guest_kernel, guest_user, count };
using Accounts = std::array<sim::Cycles, static_cast<std::size_t>(Account::count)>;

// What the time was spent on, whoever spent it. Idle time has no cause.
enum class Cause : std::uint8_t {
  user,        // work of programs
  kernel,      // paths of the guest's kernel
  bytes,       // copying, clearing and summing memory
  crossing,    // entries into a more privileged ring, and returns
  operation,   // single privileged or locked operations: loading CR3, INVLPG, segments, the APIC
  tlb,         // page walks
  cache,       // waiting for cache lines
  validation,  // the hypervisor's checks of page tables and descriptors
  hypervisor,  // its other paths
  emulation,   // a virtual machine monitor's or a host kernel's work for its guest
  driver,      // paths of the guest kernel's device drivers
  spin,        // waiting for spin locks that other processors hold
  count
};
// As results call them.
inline constexpr std::array kCauseNames = {"user",  "kernel",     "bytes",      "crossing",  "operation", "tlb",
                                           "cache", "validation", "hypervisor", "emulation", "driver",    "spin"};
static_assert(kCauseNames.size() == static_cast<std::size_t>(Cause::count));
using Causes = std::array<sim::Cycles, static_cast<std::size_t>(Cause::count)>;
// The same of the hypervisor's paths, by step: a part of Cause::hypervisor and Cause::validation.
using StepCycles = std::array<sim::Cycles, static_cast<std::size_t>(hw::Step::count)>;

// Whoever runs in ring 0 and owns the trap gates: the hypervisor, or a native kernel.
class Supervisor {
 public:
  virtual void hypercall(Cpu& cpu, hw::Registers& registers) = 0;
  virtual void exception(Cpu& cpu, hw::Registers& registers, std::uint32_t fault_address) = 0;
  virtual void interrupt(Cpu& cpu, hw::Registers& registers, std::uint32_t line) = 0;
  // A page fault that is the supervisor's own affair, because the tables that the CPU walks are not those of the
  // software that faulted: the software never learns of it, and its access is tried again. False: the fault is real.
  virtual bool hidden_fault(Cpu&, std::uint32_t /*address*/, std::uint32_t /*error_code*/) { return false; }
  virtual Account account() const = 0;  // where its time goes, always
  // Of several virtual processors of the software on this CPU, the one that has it. Software knows it from its stack.
  virtual std::uint32_t virtual_processor(const Cpu&) const { return 0; }

 protected:
  ~Supervisor() = default;
};

class Cpu final : public hw::Cpu, private sim::EventHandler {
 public:
  Cpu(Machine& machine, hv::CpuId id);

  // --- for guest software ------------------------------------------------------------------------------------------
  hw::Registers& registers() { return registers_; }
  sim::Time now() const;  // local time
  bool is_ahead() const;  // of an event, which may interrupt what runs here
  sim::Cycles cycles() const { return local_; }
  // Work at the present place, to the account of the present ring.
  void charge(sim::Cycles cycles, Cause cause);
  void charge(sim::Cycles cycles) { charge(cycles, own_cause()); }  // a path of whoever is running
  // Uses `lines` cache lines of the page at `address`, from that address on, with the rights of the present ring:
  // through the TLB and the cache, charged. False on a fault (nothing raised).
  bool touch(std::uint32_t address, std::uint32_t lines, Use use);
  // Memory through the segments and the MMU with the rights of the present ring; false on a fault (nothing raised).
  // Charged. The MMU takes ring 1 for a supervisor: it is the limit of its segments that keeps the hypervisor from it.
  bool read(std::uint32_t address, void* to, std::uint32_t bytes);
  bool write(std::uint32_t address, const void* from, std::uint32_t bytes);
  // One load or store instruction: a fault is raised, and then the registers are those of whoever handles it (false).
  bool load(std::uint32_t address, void* to, std::uint32_t bytes);
  bool store(std::uint32_t address, const void* from, std::uint32_t bytes);
  // INT n through the direct gate: pushes the user's frame on the kernel stack and goes to the gate's ring. The code
  // that called goes on as the kernel. Back with interrupt_return(). False, and nothing changed, if that stack faults.
  bool system_call_entry();
  // IRET: pops EIP, CS, EFLAGS and, to an outer ring, ESP and SS from the stack. False if the stack faults.
  bool interrupt_return();
  // Enters the supervisor as INT 0x82 would. On return the registers may be another context's.
  void trap_hypercall();
  // Raises an exception at the present registers.
  void trap_exception(std::uint32_t vector, std::uint32_t error_code, std::uint32_t fault_address);
  // Stops what runs at `eip` until resumed; used by the awaiters of model/execution.h.
  std::uint32_t suspend_here(std::coroutine_handle<> coroutine, const Burst& burst);

  // --- for devices --------------------------------------------------------------------------------------------------
  // At the event queue's present time, or at the local time of another CPU whose code raises it.
  void raise(std::uint32_t line);
  void lower(std::uint32_t line);

  // --- for locks ----------------------------------------------------------------------------------------------------
  // Between events: if this CPU computes in the burst at `place`, that burst is over now, and the CPU goes on behind
  // it. False: it does something else.
  bool finish_burst(CodePlace& place);

  // --- for the experiment -------------------------------------------------------------------------------------------
  void start();  // run whatever the registers name from the event queue's present time
  // Time spent so far per account, the running one up to the event queue's present time. Sums to accounted_until().
  Accounts accounts() const;
  sim::Cycles accounted_until() const;
  const Causes& causes() const { return causes_; }  // of what is accounted; a running burst counts when it ends
  const StepCycles& step_cycles() const { return step_cycles_; }
  hv::MachineFrame page_table_base() const { return directory_; }

  // --- hw::Cpu ------------------------------------------------------------------------------------------------------
  hv::CpuId id() const override { return id_; }
  hv::u64 cycle_counter() override;
  void load_page_table_base(hv::MachineFrame directory) override;
  void invalidate_page(hv::u32 virtual_address) override;
  void flush_global() override;
  bool copy_from_guest(void* destination, hv::u32 source, hv::u32 bytes) override;
  bool copy_to_guest(hv::u32 destination, const void* source, hv::u32 bytes) override;
  void clear(hv::MachineFrame frame, hv::u32 offset, hv::u32 bytes) override;
  void set_ring1_stack(hv::u32 ss, hv::u32 esp) override;
  void set_direct_gate(const hw::DirectGate& gate) override;
  void load_gdt(const hv::MachineFrame* frames, hv::u32 entries) override;
  void load_ldt(hv::u32 base, hv::u32 entries) override;
  void set_task_switched(bool raised) override;
  void save_fpu(hw::FpuImage& image) override;
  void restore_fpu(const hw::FpuImage& image) override;
  void set_debug_register(hv::u32 number, hv::u32 value) override;
  void arm_timer(hv::u64 deadline) override;
  void send_ipi(hv::CpuId target) override;
  void wait_for_flush(hv::u32 targets) override;
  void work(hw::Step step, hv::u32 times) override;
  using hw::Cpu::work;

 private:
  enum class State : std::uint8_t {
    stopped,    // not started
    idle,       // waits for an interrupt
    computing,  // in a burst
    handling,   // on the host's stack, or about to go on at the event queue's next look
  };
  enum class Event : std::uint8_t { run, burst_end, raise };  // low byte of the word; raise: line above it

  void on_event(std::uint64_t word) override;
  void run();              // until a burst, idleness, or an earlier event of somebody else
  bool idle_here() const;  // EIP names the idle loop
  bool interruptible() const;
  void take_interrupt();
  sim::EventHandle raise_at(sim::Time when, std::uint32_t line);
  void interrupted();  // a line was raised while idle or computing
  void cut_burst();    // at the event queue's present time
  void go_on();
  bool begin_burst(CodePlace& place);  // false: a page of it faulted and the supervisor was entered
  void end_burst(sim::Cycles at);      // whole, or cut short
  sim::Cycles first_cycle_at(sim::Time t) const;
  void go_on_at(sim::Cycles at);

  // What the fingerprint is told of a CPU.
  enum class Mark : std::uint8_t { interrupt, hypercall, exception, address_space, progress };
  void mark(Mark what, std::uint64_t detail);
  void advance(sim::Cycles cycles, Account account, Cause cause);
  void idle_until(sim::Cycles present);
  Account account_here() const;                               // of the present ring
  Cause own_cause() const;                                    // of a path of whoever is running
  bool within_segment(hv::u32 address, hv::u32 bytes) const;  // of the present ring
  struct Reached {
    hv::u32 machine_address = 0;
    hv::u32 fault_code = 0;  // page-fault error code, when the access is not allowed
  };
  // Through the TLB or the page tables, charged. False: it faults.
  bool reach(hv::u32 address, Use use, bool user, Reached& to) {
    Tlb& tlb = use == Use::execute ? instruction_tlb_ : data_tlb_;
    const Access access{use == Use::write, user};
    return tlb.hit(address, access, to.machine_address) || walk_to(tlb, address, access, to);
  }
  bool walk_to(Tlb& tlb, hv::u32 address, Access access, Reached& to);
  bool fault_is_hidden(hv::u32 address, hv::u32 error_code);  // and resolved
  void use_lines(hv::u32 machine_address, hv::u32 lines, bool write, sim::Cycles miss);
  bool sweep(Burst& burst);  // false: a page of it faulted and the supervisor was entered
  bool access_or_raise(hv::u32 address, hv::u32 bytes, bool write, unsigned char* host);
  bool transfer(hv::u32 address, hv::u32 bytes, bool write, bool user, unsigned char* host);
  template <class Enter>
  void in_supervisor(EntryKind kind, std::uint32_t fault_address, sim::Cycles entry_cost, Enter enter);

  Machine& machine_;
  hv::CpuId id_;
  hw::Registers registers_;
  State state_ = State::stopped;
  bool in_supervisor_ = false;
  sim::Cycles local_;
  Accounts accounts_{};
  Causes causes_{};
  StepCycles step_cycles_{};

  hv::MachineFrame directory_;
  Tlb data_tlb_, instruction_tlb_;
  L2Cache l2_;
  CacheFootprints cache_;
  hv::u32 ring1_ss_ = 0, ring1_esp_ = 0;
  hw::DirectGate direct_gate_;

  hv::u64 pending_lines_ = 0;                // bit per interrupt line
  std::array<sim::EventHandle, 64> raises_;  // per line: at a time that other CPUs' code has come to
  sim::EventHandle timer_event_, burst_event_;
  CodePlace* burst_place_ = nullptr;
  sim::Cycles burst_start_, burst_end_;
  BurstPlan burst_plan_;
};

}  // namespace model
