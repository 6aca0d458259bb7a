// Borrowed virtual time (Duda and Cheriton, SOSP 1999), the scheduler of Xen 1.0 to 2.0 and of the SOSP 2003 paper.
//
// Each vCPU has an actual virtual time (avt) that advances by mcu_advance for each minimum charging unit (MCU) it runs,
// so that its weight is in proportion to 1 / mcu_advance. The vCPU with the lowest effective virtual time (evt = avt,
// less the warp while it is warped) runs, until it is the context-switch allowance of real time ahead of the next best.
// A vCPU that wakes starts at the CPU's virtual time (svt, the lowest avt that is runnable): sleep earns nothing.
//
// One implementation serves four variants; where the historical ones differ from the intent, BvtRules names the
// difference. docs/decisions/0002-bvt-variants.md says why.
#pragma once

#include "base/list.h"
#include "schedule/scheduler.h"

namespace hv {

// How much virtual time a vCPU borrows, and when.
enum class BvtWarp : u8 {
  // Xen 1.x: each wake warps; a look at the clock at the next accounting or wake ends it. Yielding and blocking end it.
  by_clock_since_wake,
  // Xen 2.0: a timer started at each dispatch ends it, so a limit longer than a slice never binds. evt is left stale
  // when a timer changes the warp. Without an unwarp time the first expiry ends warping for good.
  by_timer_since_dispatch,
  // The intent: the limit counts the time the vCPU ran warped since it last slept. Then it is unwarped for the unwarp
  // time; when that is 0, until it next sleeps.
  by_time_run,
};

// When a wake takes the CPU from the running vCPU.
enum class BvtWake : u8 {
  after_allowance,  // Xen 1.x: once that has run for the context-switch allowance, whatever the virtual times say
  if_not_later,     // Xen 2.0: at once if the woken vCPU's evt is no higher than the running one's has become
  if_earlier,       // the intent: at once if it is lower; a tie is not worth a switch
};

struct BvtRules {
  BvtWarp warp;
  BvtWake wake;
  // Virtual times are unsigned 32-bit numbers, rebased before they overflow; avt - warp wraps below zero, which makes a
  // vCPU warped soon after boot the least favoured of all. Otherwise 64-bit and signed.
  bool virtual_time_32_bits;
  // The lead of the chosen vCPU over the next best, a number of MCUs, is added to nanoseconds as if one MCU were 1 ns:
  // slices are the allowance plus almost nothing, and weights act only through how often a vCPU is chosen.
  bool lead_taken_as_nanoseconds;
  // When a wake only shortens the present slice: counts the woken vCPU's lag from now on, but adds it to the start of
  // the run, so that the slice can end too early.
  bool lag_counted_from_now;
  bool adjust_takes_warp;    // false: adjust() stores mcu_advance alone
  bool adjust_hides_errors;  // invalid parameters are ignored and reported as success
};

inline constexpr BvtRules kBvtPaper = {BvtWarp::by_time_run, BvtWake::if_earlier, false, false, false, true, false};
inline constexpr BvtRules kBvtXen1 = {
    BvtWarp::by_clock_since_wake, BvtWake::after_allowance, true, true, false, false, false};
inline constexpr BvtRules kBvtXen2 = {
    BvtWarp::by_timer_since_dispatch, BvtWake::if_not_later, true, true, true, true, true};

inline constexpr SystemTime kBvtMcu = 100'000;  // minimum charging unit, 100 us

// Of a new vCPU in the variants that warp by timers (the values of Xen 2.0). They bind once it has a warp value.
inline constexpr SystemTime kBvtWarpLimit = 2'000'000'000;
inline constexpr SystemTime kBvtUnwarpTime = 1'000'000'000;

// Units: at the default mcu_advance of 10, 10 units are 100 us of CPU.
using VirtualTime = s64;

class Bvt final : public Scheduler {
 public:
  Bvt(const BvtRules& rules, SystemTime context_switch_allowance);

  void add(Vcpu& vcpu) override;
  Reaction remove(Vcpu& vcpu) override;
  Reaction move(Vcpu& vcpu, CpuId to) override;
  Reaction wake(Vcpu& vcpu, SystemTime now) override;
  void sleep(Vcpu& vcpu, SystemTime now) override;
  void yield(Vcpu& vcpu, SystemTime now) override;
  Decision decide(CpuId cpu, Vcpu& current, SystemTime now) override;
  Reaction timer_expired(CpuId cpu, Timer& timer, SystemTime now) override;
  // -EPERM for an idle vCPU; -EINVAL when mcu_advance is 0 or a time is negative.
  HypercallResult adjust(Vcpu& vcpu, const SchedulerParameters& parameters, SystemTime now) override;
  Inspection inspect(const Vcpu& vcpu) const override;  // svt of its CPU, avt, evt, 1 if it is warped

  // The warp parameters as adjust() would set them, for the variants whose adjust() does not (`value` 0: off).
  void set_warp(Vcpu& vcpu, u32 value, SystemTime limit, SystemTime unwarp_time, SystemTime now);

 private:
  struct MemberTag;

  struct State : ListNode<MemberTag>, Timer {  // the timer ends the warp, or the unwarp time; its `vcpu` is the owner
    VirtualTime avt = 0;
    VirtualTime evt = 0;
    u32 mcu_advance = 10;
    bool warp_enabled = false;
    bool warped = false;
    VirtualTime warp_value = 0;
    SystemTime warp_limit = 0;   // 0: none (Xen 1.x: never warps)
    SystemTime unwarp_time = 0;  // shortest time between two warps
    union {
      SystemTime warped_since = 0;  // by_clock_since_wake
      SystemTime warped_run;        // by_time_run: up to the start of the present run
    };
    SystemTime unwarped_since = 0;  // by_clock_since_wake
  };

  struct Cpu {
    VirtualTime svt = 0;
    Vcpu* current = nullptr;
    SystemTime decide_by = kNever;  // what the run timer was last asked for
    // Who wants this CPU, the running one and the idle vCPU too, by evt. Of equals who woke goes first, the last one
    // before all, and who ran goes last.
    List<Vcpu, RunQueueTag> queue;
    u32 borrowers = 0;               // of the queue: those whose evt is not their avt
    List<State, MemberTag> members;  // all vCPUs placed here but the idle one
  };

  static State& state(Vcpu& vcpu) { return vcpu.policy<State>(); }
  static const State& state(const Vcpu& vcpu) { return vcpu.policy<State>(); }

  VirtualTime clip(VirtualTime t) const { return rules_.virtual_time_32_bits ? static_cast<u32>(t) : t; }
  VirtualTime end_of_virtual_time() const { return rules_.virtual_time_32_bits ? 0xffffffff : INT64_MAX; }
  VirtualTime effective(const State& of, VirtualTime avt) const { return clip(of.warped ? avt - of.warp_value : avt); }
  VirtualTime avt_after_run(const Vcpu& vcpu, SystemTime now) const;
  SystemTime lead(const State& of, VirtualTime evt, VirtualTime rival) const;

  u32 enqueue(Cpu& cpu, State& of) const;
  void enqueue_first(Cpu& cpu, State& of) const;
  void dequeue(Cpu& cpu, State& of) const;
  void set_evt(State& of);
  static void start_warped_run(State& of, SystemTime now);
  u32 account(Cpu& cpu, Vcpu& vcpu, SystemTime now);
  u32 find_svt(Cpu& cpu) const;
  void check_warp_by_clock(State& of, SystemTime now) const;
  void rebase(Cpu& cpu) const;

  BvtRules rules_;
  SystemTime allowance_;
  Cpu cpus_[kMaxCpus];
};

}  // namespace hv
