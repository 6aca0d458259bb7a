// Credit's accounts kept exactly: a credit is a nanosecond, whoever runs pays for what it ran, and the accounting gives
// out what the CPUs are worth until the next one, so that each vCPU earns what it can use: the weighted max-min shares
// under caps and affinities.
//
// Nobody escapes by sleeping when a tick looks. A vCPU that wants the CPU earns in proportion to its weight, but no
// more than one CPU or its part of the cap; one that sleeps is filled up to a ceiling. The credits of those that
// compete for the same CPUs are kept at a sum of one period's worth, so that they neither pile up, which would make
// everybody UNDER, nor vanish, which would make everybody OVER: either way weights would mean nothing.
#include "schedule/credit.h"

#include "base/insert_sorted.h"

namespace hv {

namespace {

constexpr SystemTime kLeastSlice = 100'000;  // of a capped vCPU; a debt is carried over
constexpr s64 kFloorInPeriods = 10, kCeilingInPeriods = 2;
constexpr s64 kWeightScale = 840;  // divided by the number of a domain's vCPUs, 1 to 8, without a remainder
constexpr u32 kMostMasks = kMaxCpus + 1;

u32 count_bits(u32 mask) {
  u32 count = 0;
  for (; mask != 0; mask &= mask - 1) ++count;
  return count;
}

}  // namespace

void Credit::charge_run(Vcpu& running, SystemTime now) {
  State& of = state(running);
  of.credit -= now - of.charged_until;
  of.charged_until = now;
  if (of.credit > 0) return;
  of.priority = kOver;
  of.parked = group(running).cap != 0;
}

// By class, then by credits. One that yields lets the next go before it. How many steps that took.
u32 Credit::insert_exact(Vcpu& vcpu) {
  List<Vcpu, RunQueueTag>& queue = cpus_[vcpu.cpu].queue;
  const u32 steps = insert_sorted(queue, vcpu, [this](const Vcpu& a, const Vcpu& b) { return before(a, b); });
  State& of = state(vcpu);
  Vcpu* next = of.yielding ? queue.next(vcpu) : nullptr;
  of.yielding = false;
  if (next != nullptr && !next->is_idle) {
    queue.remove(vcpu);
    queue.insert_after(*next, vcpu);
  }
  return steps;
}

// After an accounting, which moves few past each other.
void Credit::sort_exact(Cpu& cpu) {
  cpu.queue.for_each([&](Vcpu& queued) {
    Vcpu* ahead = cpu.queue.previous(queued);
    if (ahead == nullptr || !before(queued, *ahead)) return;
    cpu.queue.remove(queued);
    while (ahead != nullptr && before(queued, *ahead)) ahead = cpu.queue.previous(*ahead);
    if (ahead == nullptr) {
      cpu.queue.push_front(queued);
    } else {
      cpu.queue.insert_after(*ahead, queued);
    }
  });
}

// A domain with a cap is looked at when it has used it up.
SystemTime Credit::slice_of(const Vcpu& next) const {
  if (next.is_idle || state(*next.leader).group.cap == 0) return slice_;
  const s64 credit = state(next).credit;
  if (credit >= slice_) return slice_;
  return credit > kLeastSlice ? credit : kLeastSlice;
}

// What it may earn at most in one accounting: one CPU, or its part of the cap.
s64 Credit::most_useful(const State& of) const {
  const Group& domain = state(*of.vcpu->leader).group;
  s64 most = per_accounting();
  if (domain.cap != 0) {
    const s64 capped = domain.cap * per_accounting() / 100 / domain.active_count;
    if (capped < most) most = capped;
  }
  if (of.vcpu->wants_cpu()) return most;
  return of.credit < most ? most - of.credit : 0;  // asleep: filled up to the same amount
}

template <class Visit>
void Credit::for_each_earning(Visit visit) const {
  groups_.for_each([&](Group& domain) {
    domain.active.for_each(
        [&](State& of) { visit(of, static_cast<s64>(domain.weight) * kWeightScale / domain.active_count); });
  });
}

// What `cpus` are worth, shared by those that may run on no others that are left: each up to what it can use, the
// others by weight. Leaves each one's share in its state.
Credit::Level Credit::fill(u32 cpus, u32 cpus_left) const {
  const auto takes_part = [=](const State& of) { return !of.settled && (of.vcpu->affinity & cpus_left & ~cpus) == 0; };
  Level level{count_bits(cpus) * per_accounting(), 0};
  for_each_earning([&](State& of, s64 weight) {
    if (!takes_part(of)) return;
    of.share = kByWeight;
    level.weight += weight;
  });
  for (bool changed = true; changed;) {
    changed = false;
    for_each_earning([&](State& of, s64 weight) {
      if (!takes_part(of) || of.share != kByWeight) return;
      const s64 most = most_useful(of);
      if (most * level.weight > weight * level.worth) return;
      of.share = most;
      level.worth -= most;
      level.weight -= weight;
      changed = true;
    });
  }
  return level;
}

// Of the sets of CPUs that some vCPU is bound to, the one whose vCPUs get least; what it is worth is theirs alone.
u32 Credit::tightest(u32 cpus_left) const {
  u32 masks[kMostMasks] = {cpus_left};
  u32 count = 1;
  for_each_earning([&](State& of, s64) {
    const u32 mask = of.vcpu->affinity & cpus_left;
    if (of.settled || mask == 0 || count == kMostMasks) return;
    for (u32 i = 0; i < count; ++i)
      if (masks[i] == mask) return;
    masks[count++] = mask;
  });
  if (count == 1) return cpus_left;
  u32 best = cpus_left;
  Level lowest = fill(cpus_left, cpus_left);
  for (u32 i = 1; i < count; ++i) {
    const Level level = fill(masks[i], cpus_left);
    if (level.weight == 0) continue;  // all of them have what they can use
    if (lowest.weight != 0 && level.worth / 1000 * lowest.weight >= lowest.worth / 1000 * level.weight) continue;
    lowest = level;
    best = masks[i];
  }
  return best;
}

void Credit::account_exact(SystemTime now, Reaction& reaction) {
  ++accountings_;
  for (CpuId id = 0; id < cpu_count_; ++id)
    if (!cpus_[id].current->is_idle) charge_run(*cpus_[id].current, now);
  for_each_earning([](State& of, s64) { of.settled = false; });

  for (u32 left = kAllCpus >> (32 - cpu_count_); left != 0;) {
    const u32 cpus = tightest(left);
    Level level = fill(cpus, left);
    for_each_earning([&](const State& of, s64) {
      const bool competes = !of.settled && of.share == kByWeight && of.vcpu->wants_cpu();
      if (competes && (of.vcpu->affinity & left & ~cpus) == 0) level.worth -= of.credit;
    });
    if (level.worth < 0) level.worth = 0;
    for_each_earning([&](State& of, s64 weight) {
      if (of.settled || (of.vcpu->affinity & left & ~cpus) != 0) return;
      if (of.share == kByWeight) of.share = (weight * level.worth + level.weight - 1) / level.weight;
      of.settled = true;
    });
    left &= ~cpus;
  }

  balance_ = 0;
  for_each_earning([&](State& of, s64) {
    of.credit += of.share;
    const s64 floor = -kFloorInPeriods * per_accounting(), ceiling = kCeilingInPeriods * per_accounting();
    if (of.credit < floor) of.credit = floor;
    if (of.credit > ceiling) of.credit = ceiling;
    balance_ += of.credit;
    const bool capped = group(*of.vcpu).cap != 0;
    if (of.credit > 0) {
      if (of.priority == kOver) of.priority = kUnder;
      if (of.parked) unpark(of, reaction);
    } else {
      of.priority = kOver;
      if (capped) park(of, reaction);
      if (!capped && of.parked) unpark(of, reaction);
    }
  });
  for (CpuId id = 0; id < cpu_count_; ++id) {
    sort_exact(cpus_[id]);
    cpus_[id].sorted_at = accountings_;
  }
}

}  // namespace hv
