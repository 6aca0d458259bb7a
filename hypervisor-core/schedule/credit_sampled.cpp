// Credit's accounts as Xen 3.0.3 and 3.1 kept them: a tick charges the vCPU that it finds running for all of itself.
#include "schedule/credit.h"

namespace hv {

namespace {

constexpr s64 ceiling_of(s64 dividend, s64 divisor) { return (dividend + divisor - 1) / divisor; }

}  // namespace

void Credit::charge_tick(Vcpu& running) {
  State& of = state(running);
  of.credit -= rules_.credits_per_tick;
  if (!of.linked()) start_earning(running);
}

// Domains in the order of their list: each gets its weight's part, but no more than its vCPUs can use or its cap
// allows; what is over goes to those that come later, by weight. Who could not use more, though somebody before could
// have, comes first next time.
void Credit::account_sampled(Reaction& reaction) {
  s64 total_weight = 0;
  groups_.for_each([&](Group& of) { total_weight += of.weight; });
  if (total_weight == 0) {
    balance_ = 0;
    return;
  }
  ++accountings_;
  s64 credits = per_accounting() * cpu_count_;
  if (balance_ < 0) credits -= balance_;

  const s64 debt = balance_ < 0 ? -balance_ : 0;
  s64 weight_left = total_weight, new_balance = 0;
  bool somebody_could_use_more = false;
  groups_.for_each([&](Group& of) {
    weight_left -= of.weight;
    s64 peak = of.active_count * per_accounting();
    if (debt > 0) peak += ceiling_of(debt * of.weight, total_weight);
    s64 cap_credits = 0;
    if (of.cap != 0) {
      cap_credits = ceiling_of(of.cap * per_accounting(), 100);
      if (cap_credits < peak) peak = cap_credits;
    }
    s64 fair = ceiling_of(credits * of.weight, total_weight);
    if (fair < peak) {
      somebody_could_use_more = true;
    } else {
      if (weight_left > 0) credits += ceiling_of((fair - peak) * total_weight, weight_left);
      if (somebody_could_use_more) {
        groups_.remove(of);
        groups_.push_front(of);
      }
      fair = peak;
    }
    const u32 sharers = of.active_count;
    const s64 share = ceiling_of(fair, sharers);
    of.active.for_each([&](State& member) {
      settle_sampled(member, of, share, ceiling_of(cap_credits, sharers), reaction);
      new_balance += member.credit;
      if (member.credit <= per_accounting()) return;
      stop_earning(member);
      if (!rules_.balance_before_zeroing) new_balance -= member.credit;
      member.credit = 0;
    });
  });
  balance_ = new_balance;
}

// What one vCPU has earned, and the class that puts it in.
void Credit::settle_sampled(State& of, const Group& group, s64 share, s64 cap_credits, Reaction& reaction) {
  of.credit += share;
  if (of.credit >= 0) {
    of.priority = kUnder;
    if (of.parked) unpark(of, reaction);
    return;
  }
  const bool capped = group.cap != 0;
  of.priority = capped && rules_.parks_by_priority ? kParked : kOver;
  if (capped && !rules_.parks_by_priority && of.credit < -cap_credits && !of.parked) park(of, reaction);
  if (of.credit < -per_accounting()) of.credit = -per_accounting();
}

}  // namespace hv
