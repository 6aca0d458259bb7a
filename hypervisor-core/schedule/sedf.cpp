// SEDF, "simple earliest deadline first", of Xen 3.0 to 4.x: a slice of guaranteed time in every period, and what is
// left over shared by those that may use it.
//
// A vCPU with a slice waits for its period to begin, then runs before every one whose deadline, the end of its period,
// is later, until the slice is used up. While nobody has guaranteed time to use, extra time is given out in quanta of
// 500 us: first to those that lost part of their slice because they were blocked (the penalty queue), then to all that
// may have extra time, by weight or in proportion to their slices (the utilisation queue). vCPUs stay where they are
// placed. Latency is taken and never used, as in 3.0.3, where a vCPU that was away for long begins a new period.
#include <type_traits>

#include "base/divide.h"
#include "base/insert_sorted.h"
#include "domain.h"
#include "schedule/registry.h"
#include "schedule/scheduler.h"

namespace hv {

namespace {

constexpr SystemTime kMillisecond = 1'000'000;
constexpr SystemTime kExtraQuantum = kMillisecond / 2;
constexpr SystemTime kWeightPeriod = 100 * kMillisecond;  // of those that share by weight
constexpr SystemTime kWeightSafety = 5 * kMillisecond;    // of it that is not given out
constexpr SystemTime kNothingWaits = 1000 * kMillisecond;
constexpr SystemTime kLongestPeriod = 10'000 * kMillisecond, kShortestPeriod = kMillisecond / 100;
constexpr SystemTime kShortestSlice = kMillisecond / 200;
constexpr SystemTime kDomain0Period = 20 * kMillisecond, kDomain0Slice = 15 * kMillisecond;

// How seldom something is used or had, in 10 bits behind the point.
s32 score_of(SystemTime period, SystemTime part) {
  const u64 score = divide(static_cast<u64>(period) << 10, static_cast<u64>(part > 0 ? part : 1)).quotient;
  return static_cast<s32>(score < INT32_MAX / 2 ? score : INT32_MAX / 2);
}

struct QueueTag;
struct PenaltyTag;
struct UtilisationTag;
struct MemberTag;

// A place in one of the two queues for extra time. The lower the score the sooner.
template <class Tag>
struct InExtra : ListNode<Tag> {
  s64 score = 0;  // while it is in the queue, above what the queue counts
};

struct State : ListNode<QueueTag>, InExtra<PenaltyTag>, InExtra<UtilisationTag>, ListNode<MemberTag> {
  // Bits, of which traces show the number.
  enum Status : u32 { kExtraAware = 1, kRunsPenalty = 2, kRunsUtilisation = 4, kWantsPenalty = 8, kAsleep = 16 };

  Vcpu* vcpu = nullptr;
  SystemTime period = kWeightPeriod;
  SystemTime slice = 0;
  SystemTime deadline = 0;  // 0: it never woke
  SystemTime used = 0;      // of the slice
  SystemTime run_since = 0;
  SystemTime blocked_at = 0;
  SystemTime lost = 0;  // of the slice, by being blocked
  u32 status = kExtraAware | kAsleep;
  u32 weight = 0;        // 0: it has a slice of its own
  u32 extra_weight = 1;  // 0: extra time in proportion to its slice

  SystemTime period_begin() const { return deadline - period; }
  bool queued() const { return ListNode<QueueTag>::linked(); }
  template <class Tag>
  bool in_extra() const {
    return ListNode<Tag>::linked();
  }
};

// Scores are relative: what one has used up is taken from all that wait. So the queue counts what was used.
template <class Tag>
class Extra {
 public:
  State* front() const { return queue_.front(); }
  s64 score(const State& of) const {
    const InExtra<Tag>& place = of;
    return place.linked() ? place.score - used_ : place.score;
  }
  void set_score(State& of, s64 score) { static_cast<InExtra<Tag>&>(of).score = score; }  // it is not in the queue
  void enter(State& of, s64 used_score) {
    used_ += used_score;
    static_cast<InExtra<Tag>&>(of).score += used_;
    insert_sorted(queue_, of, [](const InExtra<Tag>& a, const InExtra<Tag>& b) { return a.score < b.score; });
  }
  void leave(State& of) {
    if (!of.in_extra<Tag>()) return;
    queue_.remove(of);
    static_cast<InExtra<Tag>&>(of).score -= used_;
  }

 private:
  List<State, Tag> queue_;
  s64 used_ = 0;
};

class Sedf final : public Scheduler {
 public:
  void add(Vcpu& vcpu) override {
    State& added = vcpu.make_policy<State>();
    added.vcpu = &vcpu;
    Cpu& cpu = cpus_[vcpu.cpu];
    if (vcpu.is_idle) {
      cpu.idle = cpu.current = &vcpu;
      return;
    }
    if (vcpu.domain != nullptr && vcpu.domain->id == kDomain0) {
      added.period = kDomain0Period;
      added.slice = kDomain0Slice;
    }
    cpu.members.push_back(added);
  }
  Reaction remove(Vcpu& vcpu) override {
    cpus_[vcpu.cpu].members.remove(vcpu.policy<State>());
    return {};
  }
  Reaction move(Vcpu& vcpu, CpuId to) override {
    cpus_[vcpu.cpu].members.remove(vcpu.policy<State>());
    cpus_[to].members.push_back(vcpu.policy<State>());
    vcpu.cpu = to;
    return {};
  }

  Reaction wake(Vcpu& vcpu, SystemTime now) override;
  void sleep(Vcpu& vcpu, SystemTime) override {
    State& of = vcpu.policy<State>();
    of.status |= State::kAsleep;
    leave_queues(of);
  }
  void yield(Vcpu&, SystemTime) override {}
  Decision decide(CpuId id, Vcpu& current, SystemTime now) override;
  Reaction timer_expired(CpuId, Timer&, SystemTime) override { return {}; }
  HypercallResult adjust(Vcpu& vcpu, const SchedulerParameters& parameters, SystemTime now) override;
  // Deadline, used part of the slice, status, utilisation score.
  Inspection inspect(const Vcpu& vcpu) const override {
    const State& of = vcpu.policy<State>();
    return {4, {of.deadline, of.used, of.status, extra<UtilisationTag>(of).score(of)}};
  }
  bool waits(const Vcpu& vcpu) const override { return vcpu.policy<State>().queued(); }

 private:
  struct Cpu : Extra<PenaltyTag>, Extra<UtilisationTag> {
    Vcpu* idle = nullptr;
    Vcpu* current = nullptr;
    SystemTime slice_end = 0;
    List<State, QueueTag> runnable;  // in their period, by deadline
    List<State, QueueTag> waiting;   // for their period to begin, by its beginning
    bool periods_changed = false;    // of some that wait
    List<State, MemberTag> members;  // all that are placed here
  };

  template <class Tag>
  const Extra<Tag>& extra(const State& of) const {
    return cpus_[of.vcpu->cpu];
  }
  template <class Tag>
  Extra<Tag>& extra(const State& of) {
    return cpus_[of.vcpu->cpu];
  }

  void queue_by_deadline(State& of);
  void queue_by_period(State& of);
  void leave_queues(State& of);
  void unblocked_in_period(State& of);
  bool preempts(const State& woken) const;
  void account_slice(State& of, SystemTime now);
  void account_extra(State& of);
  template <class Tag>
  void stop_extra(State& of, bool stays);
  u32 begin_periods(Cpu& cpu, SystemTime now);
  void share_by_weight(Cpu& cpu);

  Cpu cpus_[kMaxCpus];
};

// --- queues ----------------------------------------------------------------------------------------------------------

void Sedf::queue_by_deadline(State& of) {
  insert_sorted(cpus_[of.vcpu->cpu].runnable, of,
                [](const State& a, const State& b) { return a.deadline < b.deadline; });
}

// Before the first whose period begins later. Those that wait are in order but where domain 0 gave other periods to
// some of them.
void Sedf::queue_by_period(State& of) {
  Cpu& cpu = cpus_[of.vcpu->cpu];
  const auto before = [](const State& a, const State& b) { return a.period_begin() < b.period_begin(); };
  if (cpu.periods_changed) {
    cpu.periods_changed = false;
    cpu.waiting.for_each([&](State& waits) {
      const State* ahead = cpu.waiting.previous(waits);
      if (ahead != nullptr && before(waits, *ahead)) cpu.periods_changed = true;
    });
  }
  if (!cpu.periods_changed) {
    insert_sorted(cpu.waiting, of, before);
    return;
  }
  State* behind = cpu.waiting.front();
  while (behind != nullptr && !before(of, *behind)) behind = cpu.waiting.next(*behind);
  if (behind == nullptr) {
    cpu.waiting.push_back(of);
  } else {
    cpu.waiting.insert_before(*behind, of);
  }
}

void Sedf::leave_queues(State& of) {
  if (of.queued()) cpus_[of.vcpu->cpu].runnable.remove(of);  // whichever it is in
  extra<PenaltyTag>(of).leave(of);
  extra<UtilisationTag>(of).leave(of);
}

// --- waking ----------------------------------------------------------------------------------------------------------

Reaction Sedf::wake(Vcpu& vcpu, SystemTime now) {
  State& woken = vcpu.policy<State>();
  woken.status &= ~u32{State::kAsleep};
  if (woken.deadline == 0) woken.deadline = now + woken.slice;
  if (now < woken.period_begin()) {
    if ((woken.status & State::kWantsPenalty) != 0) extra<PenaltyTag>(woken).enter(woken, 0);
  } else if (now < woken.deadline) {
    unblocked_in_period(woken);
  } else {
    woken.deadline = now + woken.period;
    woken.used = 0;
  }
  if ((woken.status & State::kExtraAware) != 0) extra<UtilisationTag>(woken).enter(woken, 0);
  if (woken.period_begin() > now) {
    queue_by_period(woken);
  } else {
    queue_by_deadline(woken);
  }
  return {.reschedule = preempts(woken) ? cpu_bit(vcpu.cpu) : 0};
}

// It lost the rest of its slice in this period; in extra time it goes before others for it.
void Sedf::unblocked_in_period(State& of) {
  of.deadline += of.period;
  if (of.blocked_at != 0) {
    of.lost = of.slice > of.used ? of.slice - of.used : 0;
    if (of.lost > 0) {
      extra<PenaltyTag>(of).leave(of);
      extra<PenaltyTag>(of).set_score(of, score_of(of.period, of.lost));
      of.status |= State::kWantsPenalty;
      extra<PenaltyTag>(of).enter(of, 0);
    }
  }
  of.used = 0;
}

bool Sedf::preempts(const State& woken) const {
  const Cpu& cpu = cpus_[woken.vcpu->cpu];
  if (cpu.current->is_idle || woken.period_begin() < cpu.slice_end) return true;
  const State& running = cpu.current->policy<State>();
  const bool wants_penalty = (woken.status & State::kWantsPenalty) != 0;
  if ((running.status & State::kRunsPenalty) != 0)
    return wants_penalty && extra<PenaltyTag>(woken).score(woken) < extra<PenaltyTag>(running).score(running);
  return (running.status & State::kRunsUtilisation) != 0 && wants_penalty;
}

// --- deciding --------------------------------------------------------------------------------------------------------

// It ran in its guaranteed time.
void Sedf::account_slice(State& of, SystemTime now) {
  of.used += now - of.run_since;
  const bool wants_cpu = of.vcpu->wants_cpu();
  if (of.used < of.slice && wants_cpu) return;
  Cpu& cpu = cpus_[of.vcpu->cpu];
  cpu.runnable.remove(of);
  if (of.used >= of.slice) {
    of.used -= of.slice;
    of.deadline += of.period;
  }
  if (wants_cpu) {
    queue_by_period(of);
  } else {
    leave_queues(of);
  }
}

template <class Tag>
void Sedf::stop_extra(State& of, bool stays) {
  extra<Tag>(of).leave(of);
  const s64 used_score = extra<Tag>(of).score(of);
  if constexpr (std::is_same_v<Tag, UtilisationTag>) {
    extra<Tag>(of).set_score(
        of, of.extra_weight != 0 ? static_cast<s32>((1u << 17) / of.extra_weight) : score_of(of.period, of.slice));
  }
  if (!of.vcpu->wants_cpu()) {
    leave_queues(of);
  } else if (stays) {
    extra<Tag>(of).enter(of, used_score);
  }
}

// It ran in extra time. What was lost counts as made up for after one quantum: else it could keep others away for long.
void Sedf::account_extra(State& of) {
  const bool penalty = (of.status & State::kRunsPenalty) != 0;
  of.status &= ~u32{State::kRunsPenalty | State::kRunsUtilisation};
  of.used = 0;
  if (penalty) {
    of.lost = 0;
    of.status &= ~u32{State::kWantsPenalty};
    stop_extra<PenaltyTag>(of, false);
  } else {
    stop_extra<UtilisationTag>(of, (of.status & State::kExtraAware) != 0);
  }
}

// Those whose period begins become runnable; of those that are, the ones without a slice or behind their deadline go on
// to a later period. How many were looked at.
u32 Sedf::begin_periods(Cpu& cpu, SystemTime now) {
  u32 scanned = 0;
  for (State* of = cpu.waiting.front(); of != nullptr && of->period_begin() <= now; of = cpu.waiting.front()) {
    cpu.waiting.remove(*of);
    queue_by_deadline(*of);
    ++scanned;
  }
  const auto to_future = [now](State& of, SystemTime from) {
    if (from < now)
      of.deadline += static_cast<SystemTime>(
                         divide(static_cast<u64>(now - from + of.period - 1), static_cast<u64>(of.period)).quotient) *
                     of.period;
  };
  for (State *of = cpu.runnable.front(), *following; of != nullptr; of = following) {
    following = cpu.runnable.next(*of);
    ++scanned;
    if (of->slice == 0) {
      cpu.runnable.remove(*of);
      of->deadline += of->period;
      to_future(*of, of->period_begin());
      queue_by_period(*of);
    } else if (of->deadline < now || of->used > of->slice) {
      cpu.runnable.remove(*of);
      of->deadline += of->period;
      to_future(*of, of->deadline);
      of->used = 0;
      if (of->period_begin() > now) {
        queue_by_period(*of);
      } else {
        queue_by_deadline(*of);
      }
    } else {
      break;
    }
  }
  return scanned;
}

Decision Sedf::decide(CpuId id, Vcpu& current, SystemTime now) {
  Cpu& cpu = cpus_[id];
  if (!current.is_idle) {
    State& of = current.policy<State>();
    if (!current.wants_cpu()) {
      of.status |= State::kAsleep;
      of.blocked_at = now;
    }
    if ((of.status & (State::kRunsPenalty | State::kRunsUtilisation)) != 0) {
      account_extra(of);
    } else {
      account_slice(of, now);
    }
  }
  const u32 scanned = begin_periods(cpu, now);

  State* next = cpu.runnable.front();
  SystemTime until = now + kNothingWaits;
  if (next != nullptr) {
    until = now + next->slice - next->used;
    if (const State* waits = cpu.waiting.front()) until = earlier(until, waits->period_begin());
  } else if (const State* waits = cpu.waiting.front()) {
    until = waits->period_begin();
    if (until - now >= kExtraQuantum) {
      next = cpu.Extra<PenaltyTag>::front();
      if (next != nullptr) {
        next->status |= State::kRunsPenalty;
      } else if ((next = cpu.Extra<UtilisationTag>::front()) != nullptr) {
        next->status |= State::kRunsUtilisation;
      }
      if (next != nullptr) until = now + kExtraQuantum;
    }
  }
  cpu.current = next != nullptr ? next->vcpu : cpu.idle;
  cpu.slice_end = until;
  if (next != nullptr) next->run_since = now;
  return {cpu.current, until, scanned};
}

// --- parameters ------------------------------------------------------------------------------------------------------

// What the slices leave, but for a reserve, goes to those with a weight.
void Sedf::share_by_weight(Cpu& cpu) {
  u64 weights = 0, slices = 0;
  cpu.members.for_each([&](const State& of) {
    weights += of.weight;
    if (of.weight == 0)
      slices += divide(static_cast<u64>(kWeightPeriod * of.slice), static_cast<u64>(of.period)).quotient;
  });
  cpu.periods_changed = true;
  if (weights == 0) return;
  const u64 most = kWeightPeriod - kWeightSafety;
  const u64 free = slices < most ? most - slices : 0;
  cpu.members.for_each([&](State& of) {
    if (of.weight == 0) return;
    of.period = kWeightPeriod;
    of.slice = static_cast<SystemTime>(divide(of.weight * free, weights).quotient);
  });
}

HypercallResult Sedf::adjust(Vcpu& vcpu, const SchedulerParameters& parameters, SystemTime) {
  if (vcpu.is_idle) return Error::not_permitted;
  State& of = vcpu.policy<State>();
  const auto period = static_cast<SystemTime>(join_words(parameters.period_low, parameters.period_high));
  const auto slice = static_cast<SystemTime>(join_words(parameters.slice_low, parameters.slice_high));
  const u32 weight = parameters.extra_weight;
  if ((period == 0 && weight == 0) || weight > 0x7fff || parameters.extra > 1) return Error::invalid;
  if (weight != 0 && period == 0 && parameters.extra != 0) {
    of.extra_weight = weight;
    of.weight = 0;
    of.slice = 0;
    of.period = kWeightPeriod;
  } else if (weight != 0) {
    of.weight = weight;
  } else {
    if (period > kLongestPeriod || period < kShortestPeriod || slice > period || slice < kShortestSlice)
      return Error::invalid;
    of.weight = of.extra_weight = 0;
    of.period = period;
    of.slice = slice;
  }
  share_by_weight(cpus_[vcpu.cpu]);
  of.status = (of.status & ~u32{State::kExtraAware}) | (parameters.extra != 0 ? u32{State::kExtraAware} : 0);
  const bool runs_extra = (of.status & (State::kRunsPenalty | State::kRunsUtilisation)) != 0;
  if (of.in_extra<UtilisationTag>() && parameters.extra == 0 && !runs_extra) extra<UtilisationTag>(of).leave(of);
  if (!of.in_extra<UtilisationTag>() && parameters.extra != 0 && (of.status & State::kAsleep) == 0)
    extra<UtilisationTag>(of).enter(of, 0);
  return HypercallResult::success();
}

constexpr SchedulerVariant kVariants[] = {{"xen-3.0.3", "as released in October 2006"}};

}  // namespace

extern const SchedulerEntry sedf_scheduler;
constinit const SchedulerEntry sedf_scheduler = {
    "sedf",       "guaranteed slices in periods, earliest deadline first; the rest as extra time",
    kVariants,    1,
    sizeof(Sedf), [](u32, const SchedulerSettings&, Arena& arena) -> Scheduler* { return arena.construct<Sedf>(); }};

}  // namespace hv
