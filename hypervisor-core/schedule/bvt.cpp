#include "schedule/bvt.h"

#include "base/divide.h"
#include "base/insert_sorted.h"
#include "schedule/registry.h"

namespace hv {

namespace {

constexpr u32 kDefaultMcuAdvance = 10;
constexpr SystemTime kDefaultAllowance = 5'000'000;
// Moving the run timer forward by no more than this is not worth it (Xen 1.x).
constexpr SystemTime kTimerTolerance = 50'000;
// Only one vCPU is runnable: it may run for this many allowances.
constexpr SystemTime kAllowancesAlone = 10;
// 32-bit virtual time is rebased by kRebaseStep once svt reaches kRebaseAt.
constexpr VirtualTime kRebaseAt = 0xf0000000;
constexpr VirtualTime kRebaseStep = 0xe0000000;
// A bound on a slice, so that a lead of any size converts to nanoseconds: 11 days.
constexpr VirtualTime kLongestLeadInMcus = 10'000'000'000;
// A bound on the warp's times, so that adding them to the present does not overflow: 146 years.
constexpr SystemTime kLongestTime = kNever / 2;

}  // namespace

Bvt::Bvt(const BvtRules& rules, SystemTime context_switch_allowance)
    : rules_{rules}, allowance_{context_switch_allowance} {}

void Bvt::add(Vcpu& vcpu) {
  State& added = vcpu.make_policy<State>();
  added.vcpu = &vcpu;
  Cpu& cpu = cpus_[vcpu.cpu];
  if (vcpu.is_idle) {
    // In the queue like any other, behind every virtual time: so there is always somebody to choose.
    added.avt = added.evt = end_of_virtual_time();
    enqueue(cpu, added);
    cpu.current = &vcpu;
    return;
  }
  added.avt = added.evt = cpu.svt;
  added.mcu_advance = kDefaultMcuAdvance;
  if (rules_.warp != BvtWarp::by_clock_since_wake) {
    added.warp_limit = kBvtWarpLimit;
    added.unwarp_time = kBvtUnwarpTime;
  }
  cpu.members.push_back(added);
}

Reaction Bvt::remove(Vcpu& vcpu) {
  State& removed = state(vcpu);
  timers(vcpu.cpu).disarm(removed);
  cpus_[vcpu.cpu].members.remove(removed);
  return {};
}

Reaction Bvt::move(Vcpu& vcpu, CpuId to) {
  State& moved = state(vcpu);
  const SystemTime expiry = moved.expiry;
  timers(vcpu.cpu).disarm(moved);
  timers(to).arm(moved, expiry);
  cpus_[vcpu.cpu].members.remove(moved);
  cpus_[to].members.push_back(moved);
  vcpu.cpu = to;
  moved.avt = cpus_[to].svt;  // virtual times of two CPUs do not compare
  moved.evt = effective(moved, moved.avt);
  return {};
}

// Puts it where its evt belongs, behind its equals. How many steps that took.
u32 Bvt::enqueue(Cpu& cpu, State& of) const {
  if (of.evt != of.avt) ++cpu.borrowers;
  return insert_sorted(cpu.queue, *of.vcpu, [](const Vcpu& a, const Vcpu& b) { return state(a).evt < state(b).evt; });
}

// The same, before its equals.
void Bvt::enqueue_first(Cpu& cpu, State& of) const {
  if (of.evt != of.avt) ++cpu.borrowers;
  insert_sorted(cpu.queue, *of.vcpu, [](const Vcpu& a, const Vcpu& b) { return state(a).evt <= state(b).evt; });
}

void Bvt::dequeue(Cpu& cpu, State& of) const {
  cpu.queue.remove(*of.vcpu);
  if (of.evt != of.avt) --cpu.borrowers;
}

// After a change of its warp.
void Bvt::set_evt(State& of) {
  Cpu& cpu = cpus_[of.vcpu->cpu];
  const bool queued = of.vcpu->linked();
  if (queued) dequeue(cpu, of);
  of.evt = effective(of, of.avt);
  if (queued) enqueue(cpu, of);
}

VirtualTime Bvt::avt_after_run(const Vcpu& vcpu, SystemTime now) const {
  const SystemTime ran = now - vcpu.run_since;
  const SystemTime mcus = divide_short(ran + kBvtMcu - 1, kBvtMcu);  // a charging unit begun is charged
  const State& of = state(vcpu);
  return clip(static_cast<VirtualTime>(static_cast<u64>(of.avt) + static_cast<u64>(mcus) * of.mcu_advance));
}

// Real time that `of`, at `evt`, may run until it is the allowance ahead of `rival`, which is no lower.
SystemTime Bvt::lead(const State& of, VirtualTime evt, VirtualTime rival) const {
  const VirtualTime mcus = divide_short(clip(rival - evt), of.mcu_advance);
  if (rules_.lead_taken_as_nanoseconds) return mcus + allowance_;
  return (mcus < kLongestLeadInMcus ? mcus : kLongestLeadInMcus) * kBvtMcu + allowance_;
}

void Bvt::check_warp_by_clock(State& of, SystemTime now) const {
  if (rules_.warp != BvtWarp::by_clock_since_wake || !of.warped) return;
  if (now - of.warped_since < of.warp_limit && now - of.unwarped_since > of.unwarp_time) return;
  of.unwarped_since = now;
  of.warped = false;
}

// Charges the vCPU that ran, and takes it from the queue or, if it wants to run on, behind its equals. How many
// steps that took.
u32 Bvt::account(Cpu& cpu, Vcpu& vcpu, SystemTime now) {
  State& of = state(vcpu);
  dequeue(cpu, of);
  of.avt = avt_after_run(vcpu, now);
  if (of.warped) {
    timers(vcpu.cpu).disarm(of);
    if (rules_.warp == BvtWarp::by_time_run) of.warped_run += now - vcpu.run_since;
  }
  if (!vcpu.wants_cpu() && rules_.warp == BvtWarp::by_clock_since_wake) of.warped = false;
  check_warp_by_clock(of, now);
  of.evt = effective(of, of.avt);
  if (!vcpu.wants_cpu()) return 0;
  return enqueue(cpu, of);
}

// The lowest avt: the first one's that borrows nothing, or that of somebody who does. How many were looked at.
u32 Bvt::find_svt(Cpu& cpu) const {
  VirtualTime lowest = end_of_virtual_time();
  u32 looked_at = 0, borrowers = cpu.borrowers;
  bool found = false;
  for (const Vcpu* queued = cpu.queue.front(); queued != nullptr && !(found && borrowers == 0); ++looked_at) {
    const State& of = state(*queued);
    if (of.avt < lowest) lowest = of.avt;
    if (of.evt != of.avt) {
      --borrowers;
    } else {
      found = true;
    }
    queued = cpu.queue.next(*queued);
  }
  if (lowest != end_of_virtual_time()) cpu.svt = lowest;
  return looked_at;
}

void Bvt::rebase(Cpu& cpu) const {
  if (!rules_.virtual_time_32_bits || cpu.svt < kRebaseAt) return;
  cpu.svt -= kRebaseStep;
  cpu.members.for_each([this](State& member) {
    member.avt = clip(member.avt - kRebaseStep);
    member.evt = clip(member.evt - kRebaseStep);
  });
  // Who was behind by more is now far ahead.
  List<Vcpu, RunQueueTag> as_it_was;
  cpu.queue.for_each([&](Vcpu& queued) {
    dequeue(cpu, state(queued));
    as_it_was.push_back(queued);
  });
  as_it_was.for_each([&](Vcpu& queued) {
    as_it_was.remove(queued);
    enqueue(cpu, state(queued));
  });
}

Decision Bvt::decide(CpuId id, Vcpu& current, SystemTime now) {
  Cpu& cpu = cpus_[id];
  u32 scanned = current.is_idle ? 0 : account(cpu, current, now);
  scanned += find_svt(cpu);
  Vcpu& next = *cpu.queue.front();
  const Vcpu* second = cpu.queue.next(next);
  rebase(cpu);

  State& best = state(next);
  SystemTime slice = allowance_;
  if (!next.is_idle) {
    slice = second->is_idle ? kAllowancesAlone * allowance_ : lead(best, best.evt, state(*second).evt);
    if (best.warped && best.warp_limit > 0 && rules_.warp != BvtWarp::by_clock_since_wake) {
      best.name = "warp_end";
      const SystemTime used = rules_.warp == BvtWarp::by_time_run ? best.warped_run : 0;
      timers(id).arm(best, now + best.warp_limit - used);
    }
  }
  cpu.current = &next;
  cpu.decide_by = now + slice;
  return {&next, cpu.decide_by, scanned};
}

Reaction Bvt::wake(Vcpu& vcpu, SystemTime now) {
  Cpu& cpu = cpus_[vcpu.cpu];
  State& woken = state(vcpu);
  if (woken.avt < cpu.svt) woken.avt = cpu.svt;
  if (rules_.warp == BvtWarp::by_clock_since_wake) {
    woken.warped = true;
    woken.warped_since = now;
    check_warp_by_clock(woken, now);
  } else if (rules_.warp == BvtWarp::by_time_run) {
    woken.warped_run = 0;
    if (woken.warp_enabled && woken.unwarp_time == 0) woken.warped = true;
  }
  woken.evt = effective(woken, woken.avt);
  enqueue_first(cpu, woken);

  const Vcpu& running = *cpu.current;
  if (running.is_idle) return {.reschedule = cpu_bit(vcpu.cpu)};

  Reaction reaction{.cpu = vcpu.cpu};
  bool preempts = false;

  if (rules_.wake == BvtWake::after_allowance) {
    const SystemTime protected_until = running.run_since + allowance_;
    preempts = now >= protected_until;
    if (cpu.decide_by > protected_until + kTimerTolerance) reaction.decide_by = protected_until;
  } else {
    const State& runner = state(running);
    const VirtualTime evt_now = effective(runner, avt_after_run(running, now));
    preempts = rules_.wake == BvtWake::if_not_later ? woken.evt <= evt_now : woken.evt < evt_now;
    const VirtualTime from = rules_.lag_counted_from_now ? evt_now : runner.evt;
    if (!preempts) reaction.decide_by = running.run_since + lead(runner, from, woken.evt);
  }
  if (preempts) reaction.reschedule = cpu_bit(vcpu.cpu);
  if (reaction.decide_by < cpu.decide_by) cpu.decide_by = reaction.decide_by;
  return reaction;
}

void Bvt::sleep(Vcpu& vcpu, SystemTime) { dequeue(cpus_[vcpu.cpu], state(vcpu)); }

void Bvt::yield(Vcpu& vcpu, SystemTime) {
  if (rules_.warp == BvtWarp::by_clock_since_wake) state(vcpu).warped = false;
}

// The one timer of a vCPU: while it is warped the end of its warp, else the end of its unwarp time.
Reaction Bvt::timer_expired(CpuId id, Timer& timer, SystemTime now) {
  State& of = static_cast<State&>(timer);
  const bool ends_warp = of.warped;
  of.warped = !ends_warp && of.warp_enabled;
  if (ends_warp) of.name = "unwarp_end";
  if (rules_.warp == BvtWarp::by_timer_since_dispatch) {
    if (!ends_warp) return {.reschedule = of.warped ? cpu_bit(id) : 0};
    timers(id).arm(of, now + of.unwarp_time);
    if (of.unwarp_time > 0) return {};
    of.warp_enabled = false;
    return {.reschedule = cpu_bit(id)};
  }
  if (!ends_warp) start_warped_run(of, now);
  if (ends_warp && of.unwarp_time > 0) timers(id).arm(of, now + of.unwarp_time);
  set_evt(of);
  return {.reschedule = of.vcpu->wants_cpu() ? cpu_bit(id) : 0};
}

// From now on the run counts; account() will count it from its start.
void Bvt::start_warped_run(State& of, SystemTime now) {
  of.warped_run = of.vcpu->state == RunState::running ? of.vcpu->run_since - now : 0;
}

void Bvt::set_warp(Vcpu& vcpu, u32 value, SystemTime limit, SystemTime unwarp_time, SystemTime now) {
  State& of = state(vcpu);
  const bool on = value != 0;
  of.warp_value = value;
  of.warp_limit = limit < kLongestTime ? limit : kLongestTime;
  of.unwarp_time = unwarp_time < kLongestTime ? unwarp_time : kLongestTime;
  if (rules_.warp == BvtWarp::by_clock_since_wake) return;
  if (!of.warped || !on) timers(vcpu.cpu).disarm(of);
  of.warped = of.warp_enabled = on;
  if (rules_.warp != BvtWarp::by_time_run) return;
  start_warped_run(of, now);
  set_evt(of);
}

HypercallResult Bvt::adjust(Vcpu& vcpu, const SchedulerParameters& parameters, SystemTime now) {
  if (vcpu.is_idle) return Error::not_permitted;
  const auto limit = static_cast<SystemTime>(join_words(parameters.warp_limit_low, parameters.warp_limit_high));
  const auto unwarp_time = static_cast<SystemTime>(join_words(parameters.unwarp_low, parameters.unwarp_high));
  const bool warp_valid = !rules_.adjust_takes_warp || (limit >= 0 && unwarp_time >= 0);
  if (parameters.mcu_advance == 0 || !warp_valid) {
    return rules_.adjust_hides_errors ? HypercallResult::success() : HypercallResult{Error::invalid};
  }
  state(vcpu).mcu_advance = parameters.mcu_advance;
  if (rules_.adjust_takes_warp)
    set_warp(vcpu, parameters.warp != 0 ? parameters.warp_value : 0, limit, unwarp_time, now);
  return HypercallResult::success();
}

Inspection Bvt::inspect(const Vcpu& vcpu) const {
  const State& of = state(vcpu);
  return {4, {cpus_[vcpu.cpu].svt, of.avt, of.evt, of.warped ? 1 : 0}};
}

namespace {

constexpr SchedulerVariant kVariants[] = {
    {"paper", "as Duda and Cheriton and the SOSP 2003 paper mean it"},
    {"xen-1.0", "as released in October 2003: wakes wait for the allowance, slices ignore weights"},
    {"xen-1.2", "as released in January 2004: decides as xen-1.0"},
    {"xen-2.0", "as released in November 2004: wakes preempt, warping by timers, slices ignore weights"},
};

Scheduler* make_bvt(u32 variant, const SchedulerSettings& settings, Arena& arena) {
  constexpr const BvtRules* kRules[] = {&kBvtPaper, &kBvtXen1, &kBvtXen1, &kBvtXen2};
  static_assert(sizeof kRules / sizeof *kRules == sizeof kVariants / sizeof *kVariants);
  const SystemTime allowance = settings.context_switch_allowance;
  return arena.construct<Bvt>(*kRules[variant], allowance > 0 ? allowance : kDefaultAllowance);
}

}  // namespace

extern const SchedulerEntry bvt_scheduler;
constinit const SchedulerEntry bvt_scheduler = {
    "bvt",       "borrowed virtual time: weighted shares with low latency for warped domains",
    kVariants,   sizeof kVariants / sizeof *kVariants,
    sizeof(Bvt), make_bvt};

}  // namespace hv
