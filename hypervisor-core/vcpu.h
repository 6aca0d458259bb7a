// One virtual CPU: what is loaded into a physical CPU when it is switched in, and the state of its scheduling.
#pragma once

#include <cstddef>
#include <new>

#include "base/list.h"
#include "base/types.h"
#include "hardware/cpu.h"
#include "hardware/registers.h"

namespace hv {

struct Domain;

struct RunQueueTag {};

enum class RunState : u8 {
  offline,   // the scheduler does not know it: not created yet, or gone
  paused,    // held by its pause count: not started yet, paused by domain 0, or dying
  blocked,   // waits for an event
  runnable,  // waits for a CPU
  running,
};

struct Vcpu : ListNode<RunQueueTag> {
  Domain* domain = nullptr;  // null for an idle vCPU
  VcpuId id = 0;
  Vcpu* leader = this;      // vCPU 0 of its domain: schedulers keep there what belongs to the domain
  CpuId cpu = 0;            // where it is placed
  u32 affinity = kAllCpus;  // CPUs that it may run on, as a mask
  bool is_idle = false;
  bool initialised = false;  // has a place to begin at
  bool up = false;           // and was told to; else one of its pauses says that it was not, or is to stop

  // Scheduling, kept by schedule/run_state. A dying domain's vCPUs are paused and never unpaused.
  RunState state = RunState::offline;
  u32 pause_count = 0;
  bool blocked = false;
  bool wants_cpu() const { return pause_count == 0 && !blocked; }
  SystemTime run_since = 0;       // start of the present or last run
  SystemTime cpu_time = 0;        // ns run, up to run_since of the present run
  SystemTime runnable_since = 0;  // start of the present or last wait for a CPU
  u64 times_switched_in = 0;
  static constexpr u32 kPolicyBytes = 192;
  alignas(8) std::byte policy_state[kPolicyBytes] = {};  // belongs to the scheduler that add()ed it
  // The scheduler's own structure in there: make_policy() at its add(), then policy().
  template <class State>
  State& make_policy() {
    static_assert(sizeof(State) <= kPolicyBytes);
    return *new (policy_state) State;
  }
  template <class State>
  State& policy() {
    return *std::launder(reinterpret_cast<State*>(policy_state));
  }
  template <class State>
  const State& policy() const {
    return *std::launder(reinterpret_cast<const State*>(policy_state));
  }

  // Loaded at switch-in.
  hw::Registers registers;  // while not running; while running the entry path's frame is the truth
  MachineFrame directory;   // page-table base, a validated L2 frame
  u32 ring1_ss = 0, ring1_esp = 0;
  hw::DirectGate direct_gate;
  MachineFrame gdt_frames[16];
  u32 gdt_entries = 0;
  u32 ldt_base = 0, ldt_entries = 0;
  u32 debug_registers[8] = {};
  hw::FpuImage fpu;
  bool fpu_initialised = false, fpu_used = false, guest_task_switched = false;

  // Where the guest wants to be entered.
  u32 event_cs = 0, event_eip = 0;
  u32 failsafe_cs = 0, failsafe_eip = 0;

  // Alarm timers (time/alarm_queue.h): absolute, kNever when off.
  SystemTime alarm_real = kNever;
  SystemTime alarm_virtual = kNever;  // in this vCPU's virtual time
  CpuId alarm_cpu = 0;                // whose queue the real alarm is in
  u32 alarm_position = 0;             // and where in its heap

  // Virtual time: ns run so far; it stands still while the vCPU does not run.
  SystemTime virtual_time(SystemTime now) const {
    return state == RunState::running ? cpu_time + (now - run_since) : cpu_time;
  }
};

}  // namespace hv
