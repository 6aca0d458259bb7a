// The hypervisor core: three entries, each given the register frame of what was interrupted, which it edits.
//
// The core never blocks, never calls back, and is never re-entered on a CPU. When an entry returns, the frame says what
// the CPU is to run: ring 1 or 3 a guest, ring 0 (cs = kHypervisorCs) the idle loop, which waits for an interrupt.
#pragma once

#include "base/arena.h"
#include "base/types.h"
#include "control/control.h"
#include "control/domain_lifecycle.h"
#include "domain.h"
#include "domain_table.h"
#include "events/event_channels.h"
#include "hardware/machine.h"
#include "interrupt_balancer.h"
#include "io/block.h"
#include "io/network.h"
#include "memory/memory_manager.h"
#include "observer.h"
#include "schedule/run_state.h"
#include "time/system_clock.h"
#include "time/time_keeper.h"
#include "traps/traps.h"

namespace hv {

struct BootParameters {
  u32 max_domains = 0;            // domain 0 included
  const char* scheduler = "bvt";  // name in schedule/registry
  const char* variant = "paper";
  SchedulerSettings scheduling;
  SystemTime tick = 10'000'000;  // ticker to the running vCPU; 0 turns it off
  SystemTime timer_slop = 0;     // timers within this of now run at once (50 us in Xen 1.0-2.0)
  u32 hypervisor_frames = 0;     // frames at the bottom of RAM that belong to the core
};

class Hypervisor {
 public:
  // `memory` holds the core's own tables, `bytes_needed` says how much for a machine. Stops the machine if that or the
  // machine's memory is too little, or the scheduler unknown. Everything happens at the time of CPU 0.
  static u64 bytes_needed(hw::Machine& machine, const BootParameters& parameters);
  Hypervisor(hw::Machine& machine, Arena memory, const BootParameters& parameters);
  Hypervisor(const Hypervisor&) = delete;
  Hypervisor& operator=(const Hypervisor&) = delete;

  // Shows what the core does from now on, see observer.h; null: to nobody. The observer outlives the core.
  void observe(Observer* observer) {
    run_states_.observe(observer);
    events_.observe(observer);
  }

  // Builds domain 0 with `kilobytes` of memory, laid out as interface/start_info.h says, and makes it runnable; it
  // starts at `entry_eip` in ring 1. Stops the machine if that cannot be. Before or after the CPUs are booted.
  Domain& create_domain0(u32 kilobytes, u32 vcpus, u32 entry_eip);

  // The entries. On the CPU `cpu`, with what it was doing in `registers`.
  // boot_cpu: once per CPU, before anything else; leaves it idle or in domain 0.
  void boot_cpu(hw::Cpu& cpu, hw::Registers& registers);
  void hypercall(hw::Cpu& cpu, hw::Registers& registers);
  // `fault_address`: CR2 of a page fault, DR6 of a debug exception, else ignored.
  void exception(hw::Cpu& cpu, hw::Registers& registers, u32 fault_address);
  void interrupt(hw::Cpu& cpu, hw::Registers& registers, u32 line);
  // The return to a guest faulted: a selector in its frame `registers` cannot be loaded. Its failsafe handler is
  // entered.
  void return_fault(hw::Cpu& cpu, hw::Registers& registers);

  // The parts, for the core's own files, tests and measurements.
  hw::Machine& machine() { return machine_; }
  SystemClock& clock() { return clock_; }
  DomainTable& domains() { return domains_; }
  MemoryManager& memory() { return memory_; }
  RunStates& run_states() { return run_states_; }
  EventChannels& events() { return events_; }
  TimeKeeper& time() { return time_; }
  Network& network() { return network_; }
  BlockIo& block() { return block_; }
  DomainLifecycle& lifecycle() { return lifecycle_; }
  Control& control() { return control_; }
  Traps& traps() { return traps_; }
  SystemTime booted_at(CpuId cpu) const { return booted_at_[cpu]; }  // kNever: not yet

 private:
  static constexpr u32 kNoLine = ~0u;

  Vcpu& enter(hw::Cpu& cpu);
  Caller enter_from_guest(hw::Cpu& cpu, const hw::Registers& registers);
  void leave(hw::Cpu& cpu, Vcpu& current, hw::Registers& registers);
  bool work_due() const;
  void work_and_leave(hw::Cpu& cpu, Vcpu& current, hw::Registers& registers);
  Vcpu& settle(hw::Cpu& cpu, CpuId id, hw::Registers& registers);
  void schedule(hw::Cpu& cpu, hw::Registers& registers, SystemTime now);
  bool run_timers(hw::Cpu& cpu, SystemTime first);
  SystemTime next_timer(CpuId id) const;
  void interrupt_others(hw::Cpu& cpu, CpuId id);
  void send_ipis(hw::Cpu& cpu, u32 targets);

  hw::Machine& machine_;
  Arena arena_;
  SystemClock clock_;
  DomainTable domains_;
  MemoryManager memory_;
  Scheduler& scheduler_;
  RunStates run_states_;
  EventChannels events_;
  TimeKeeper time_;
  InterruptBalancer balancer_;
  Network network_;
  u32 network_line_;  // of its card; kNoLine: there is none
  BlockIo block_;
  u32 block_line_;  // of the disk's adapter
  DomainLifecycle lifecycle_;
  Control control_;
  Traps traps_;

  SystemTime timer_slop_;
  SystemTime booted_at_[kMaxCpus];
  SystemTime armed_[kMaxCpus] = {};  // what each CPU's local timer is set to; kNever: off
};

}  // namespace hv
