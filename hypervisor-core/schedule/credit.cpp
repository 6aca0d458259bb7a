#include "schedule/credit.h"

#include "base/insert_sorted.h"
#include "schedule/registry.h"

namespace hv {

namespace {

constexpr SystemTime kDefaultSlice = 30'000'000;
constexpr SystemTime kDefaultRateLimit = 1'000'000;
// What is left of a rate limit is waited for at least so long.
constexpr SystemTime kLeastWait = 100'000;
constexpr u32 kHighestCap = 100 * kMaxVcpusPerDomain;

}  // namespace

Credit::Credit(const CreditRules& rules, const SchedulerSettings& settings)
    : rules_{rules},
      slice_{settings.slice > 0 ? settings.slice : kDefaultSlice},
      tick_{slice_ / kTicksPerAccounting},
      rate_limit_{!rules.exact               ? 0
                  : settings.rate_limit >= 0 ? settings.rate_limit
                                             : kDefaultRateLimit} {
  if (rules.exact) rules_.credits_per_tick = tick_;
}

// --- who exists ------------------------------------------------------------------------------------------------------

void Credit::add(Vcpu& vcpu) {
  State& added = vcpu.make_policy<State>();
  added.vcpu = &vcpu;
  if (!vcpu.is_idle) {
    if (rules_.active_from_creation || rules_.exact) start_earning(vcpu);
    return;
  }
  added.priority = kIdle;
  Cpu& cpu = cpus_[vcpu.cpu];
  cpu.current = &vcpu;
  cpu.tick.name = "tick";
  cpu.next_tick = tick_;
  timers(vcpu.cpu).arm(cpu.tick, cpu.next_tick);
  idlers_ |= cpu_bit(vcpu.cpu);
  ++cpu_count_;
}

Reaction Credit::remove(Vcpu& vcpu) {
  if (state(vcpu).linked()) stop_earning(state(vcpu));
  return {};
}

Reaction Credit::move(Vcpu& vcpu, CpuId to) {
  vcpu.cpu = to;
  return {};
}

// Somebody idle may take it now.
Reaction Credit::affinity_changed(Vcpu& vcpu) {
  if (!vcpu.linked()) return {};
  return {.reschedule = idlers_ & vcpu.affinity};
}

void Credit::start_earning(Vcpu& vcpu) {
  Group& of = group(vcpu);
  of.active.push_front(state(vcpu));
  if (of.active_count++ == 0) groups_.push_front(of);
}

void Credit::stop_earning(State& of) {
  Group& from = group(*of.vcpu);
  from.active.remove(of);
  if (--from.active_count == 0) groups_.remove(from);
}

// --- the queues ------------------------------------------------------------------------------------------------------

// Whether `a` goes before `b`: by class; if credits are exact, also by more than `margin` of them.
bool Credit::before(const Vcpu& a, const Vcpu& b, s64 margin) const {
  const State &of = state(a), &other = state(b);
  if (of.priority != other.priority) return of.priority > other.priority;
  return rules_.exact && of.priority < kBoost && of.credit > other.credit + margin;
}

// Behind all of its class, or those in front of it where an accounting has just mixed up the classes. How many steps
// that took.
u32 Credit::insert(Vcpu& vcpu) {
  if (rules_.exact) return insert_exact(vcpu);
  Cpu& cpu = cpus_[vcpu.cpu];
  if (cpu.in_order && cpu.sorted_at == accountings_)
    return insert_sorted(cpu.queue, vcpu, [this](const Vcpu& a, const Vcpu& b) { return before(a, b); });
  u32 passed = 0;
  Vcpu* behind = cpu.queue.front();
  for (; behind != nullptr && !before(vcpu, *behind); ++passed) behind = cpu.queue.next(*behind);
  if (behind == nullptr) {
    cpu.queue.push_back(vcpu);
  } else {
    cpu.queue.insert_before(*behind, vcpu);
  }
  return passed;
}

// All that are not over their share go before the others; the order stays otherwise. So one that was parked by its
// class, behind the idle one, may end up before that.
void Credit::sort(Cpu& cpu) {
  if (cpu.sorted_at == accountings_) return;
  cpu.sorted_at = accountings_;
  Vcpu* first_over = nullptr;
  cpu.queue.for_each([&](Vcpu& queued) {
    const bool under = state(queued).priority >= kUnder;
    if (!under && first_over == nullptr) first_over = &queued;
    if (!under || first_over == nullptr) return;
    cpu.queue.remove(queued);
    cpu.queue.insert_before(*first_over, queued);
  });
  cpu.in_order = true;
  cpu.queue.for_each([&](Vcpu& queued) {
    const Vcpu* ahead = cpu.queue.previous(queued);
    if (ahead != nullptr && before(queued, *ahead)) cpu.in_order = false;
  });
}

// The first elsewhere, from the next CPU on, that is of a higher class, or has a tick's worth more, and may run here.
Vcpu* Credit::steal(CpuId for_cpu, const Vcpu& best_here, u32& scanned) {
  for (u32 step = 1; step < cpu_count_; ++step) {
    const CpuId id = (for_cpu + step) % cpu_count_;
    if (!rules_.steals_from_idle && (idlers_ & cpu_bit(id)) != 0) continue;
    List<Vcpu, RunQueueTag>& queue = cpus_[id].queue;
    for (Vcpu* queued = queue.front(); queued != nullptr; queued = queue.next(*queued)) {
      ++scanned;
      if (state(*queued).priority <= kIdle || !before(*queued, best_here, rules_.credits_per_tick)) break;
      if ((queued->affinity & cpu_bit(for_cpu)) == 0) continue;
      queue.remove(*queued);
      queued->cpu = for_cpu;
      return queued;
    }
  }
  return nullptr;
}

// The CPUs that one that was queued concerns: its own if it goes before who runs there; idle ones if it would wait.
u32 Credit::to_interrupt(const Vcpu& queued) const {
  const s32 running = state(*cpus_[queued.cpu].current).priority;
  u32 targets = state(queued).priority > running ? cpu_bit(queued.cpu) : 0;
  if (running > kIdle) targets |= idlers_ & queued.affinity;
  return targets;
}

Reaction Credit::wake(Vcpu& vcpu, SystemTime) {
  State& woken = state(vcpu);
  if (woken.parked) return {};
  if (rules_.boost && woken.priority == kUnder) woken.priority = kBoost;
  insert(vcpu);
  return {.reschedule = to_interrupt(vcpu)};
}

void Credit::sleep(Vcpu& vcpu, SystemTime) {
  if (vcpu.linked()) cpus_[vcpu.cpu].queue.remove(vcpu);
}

void Credit::yield(Vcpu& vcpu, SystemTime) { state(vcpu).yielding = rules_.exact; }

void Credit::park(State& of, Reaction& reaction) {
  of.parked = true;
  if (of.vcpu->state == RunState::running) {
    reaction.reschedule |= cpu_bit(of.vcpu->cpu);
  } else {
    sleep(*of.vcpu, 0);
  }
}

// This is no wake that boosts.
void Credit::unpark(State& of, Reaction& reaction) {
  of.parked = false;
  if (of.vcpu->state == RunState::running || !of.vcpu->wants_cpu()) return;
  insert(*of.vcpu);
  reaction.reschedule |= to_interrupt(*of.vcpu);
}

// --- deciding --------------------------------------------------------------------------------------------------------

Decision Credit::decide(CpuId id, Vcpu& current, SystemTime now) {
  Cpu& cpu = cpus_[id];
  State& outgoing = state(current);
  u32 scanned = 0;
  if (rules_.exact && !current.is_idle) charge_run(current, now);
  const bool stays = current.wants_cpu() && !outgoing.parked;
  if (stays && !current.is_idle && !outgoing.yielding && now - outgoing.running_since < rate_limit_) {
    const SystemTime rest = outgoing.running_since + rate_limit_ - now;
    return {&current, now + (rest > kLeastWait ? rest : kLeastWait), scanned};
  }
  if (stays) scanned += insert(current);

  Vcpu* next = cpu.queue.front();
  if (rules_.exact || state(*next).priority <= kOver) {
    if (Vcpu* better = steal(id, *next, scanned)) next = better;
  }
  if (next->linked()) cpu.queue.remove(*next);

  if (next != &current) state(*next).running_since = now;
  state(*next).charged_until = now;
  cpu.current = next;
  idlers_ = next->is_idle ? idlers_ | cpu_bit(id) : idlers_ & ~cpu_bit(id);
  if (!rules_.exact) return {next, now + slice_, scanned};
  const bool put_back = stays && next != &current && !current.is_idle;
  return {next, now + slice_of(*next), scanned, put_back ? idlers_ & current.affinity : 0};
}

Reaction Credit::timer_expired(CpuId id, Timer&, SystemTime now) { return tick(id, now); }

Reaction Credit::tick(CpuId id, SystemTime now) {
  Cpu& cpu = cpus_[id];
  Reaction reaction;
  Vcpu& running = *cpu.current;
  if (!running.is_idle) {
    State& of = state(running);
    if (of.priority == kBoost) of.priority = kUnder;
    if (rules_.exact) {
      charge_run(running, now);
      if (of.parked) reaction.reschedule |= cpu_bit(id);
    } else {
      charge_tick(running);
    }
  }
  if (id == 0 && ++ticks_ % kTicksPerAccounting == 0) {
    if (rules_.exact) {
      account_exact(now, reaction);
    } else {
      account_sampled(reaction);
    }
  }
  sort(cpu);
  while (cpu.next_tick <= now) cpu.next_tick += tick_;
  timers(id).arm(cpu.tick, cpu.next_tick);
  return reaction;
}

HypercallResult Credit::adjust(Vcpu& vcpu, const SchedulerParameters& parameters, SystemTime) {
  if (vcpu.is_idle) return Error::not_permitted;
  if (parameters.weight > 0xffff || parameters.cap > kHighestCap) return Error::invalid;
  Group& of = group(vcpu);
  if (parameters.weight != 0) of.weight = parameters.weight;
  // A domain that gets a cap may use what that gives it until the next accounting.
  if (rules_.exact && of.cap == 0 && parameters.cap != 0 && state(vcpu).credit <= 0)
    state(vcpu).credit = parameters.cap * per_accounting() / 100 / of.active_count;
  of.cap = parameters.cap;
  return HypercallResult::success();
}

Inspection Credit::inspect(const Vcpu& vcpu) const { return {3, {state(vcpu).credit, state(vcpu).priority, balance_}}; }

namespace {

// Credits of 3.0.3 are milliseconds; later ones a hundredth of a tick.
constexpr CreditRules kRules[] = {
    {.exact = true,
     .boost = true,
     .parks_by_priority = false,
     .active_from_creation = true,
     .steals_from_idle = false,
     .balance_before_zeroing = false,
     .credits_per_tick = 0},
    {.exact = false,
     .boost = true,
     .parks_by_priority = false,
     .active_from_creation = false,
     .steals_from_idle = false,
     .balance_before_zeroing = false,
     .credits_per_tick = 100},
    {.exact = false,
     .boost = false,
     .parks_by_priority = true,
     .active_from_creation = true,
     .steals_from_idle = true,
     .balance_before_zeroing = true,
     .credits_per_tick = 10},
};

constexpr SchedulerVariant kVariants[] = {
    {"exact", "charges what was run, and gives out what can be used"},
    {"xen-3.1", "as released in May 2007: charges whoever a tick finds running, boosts who wakes"},
    {"xen-3.0.3", "as released in October 2006: no boost, a millisecond is a credit"},
};
static_assert(sizeof kRules / sizeof *kRules == sizeof kVariants / sizeof *kVariants);

}  // namespace

extern const SchedulerEntry credit_scheduler;
constinit const SchedulerEntry credit_scheduler = {
    "credit",
    "credits by weight, paid for running: caps, boost of who wakes, balancing over CPUs",
    kVariants,
    sizeof kVariants / sizeof *kVariants,
    sizeof(Credit),
    [](u32 variant, const SchedulerSettings& settings, Arena& arena) -> Scheduler* {
      return arena.construct<Credit>(kRules[variant], settings);
    }};

}  // namespace hv
