// Credit2, Xen's scheduler since 4.12: one queue for all CPUs, in the order of what each vCPU has left.
//
// Every vCPU begins with 10 ms of credit, and running burns it, the faster the less weight it has (a domain's weight
// counts for each of its vCPUs). Who has most left runs, until it meets the next one's credit. When even the best has
// none left everybody gets 10 ms more, but who sleeps keeps no more than a little from before. Moving to
// another CPU has to be worth half a millisecond. A domain with a cap has a budget, filled up every 10 ms.
//
// Xen has a queue per group of up to 16 CPUs and balances load between them; our machines have at most 16 CPUs.
#include "base/divide.h"
#include "base/insert_sorted.h"
#include "schedule/registry.h"
#include "schedule/scheduler.h"

namespace hv {

namespace {

constexpr SystemTime kMillisecond = 1'000'000;
constexpr s64 kInitialCredit = 10 * kMillisecond;
constexpr s64 kCarriedOver = kMillisecond / 2;  // by one that sleeps
// By one that wants to run, without a cap: enough to tell whose share a whole CPU is from who waits for it.
constexpr s64 kCarriedOverAwake = 10 * kInitialCredit;
constexpr s64 kMigrationResistance = kMillisecond / 2;
constexpr SystemTime kShortestSlice = kMillisecond / 2;
constexpr SystemTime kDefaultLongestSlice = 10 * kMillisecond;
constexpr SystemTime kDefaultRateLimit = kMillisecond;
constexpr SystemTime kLeastWait = kMillisecond / 10;
constexpr SystemTime kBudgetPeriod = 10 * kMillisecond;
constexpr u32 kHighestCap = 100 * kMaxVcpusPerDomain;

struct MemberTag;

struct Budget {
  u32 cap = 0;  // percent of one CPU; 0: none
  s64 left = 0;
  bool used_up() const { return cap != 0 && left <= 0; }
};

struct State : ListNode<MemberTag> {
  Vcpu* vcpu = nullptr;
  s64 credit = kInitialCredit;
  u32 weight = 256;
  u32 burnt_rest = 0;  // of a division, so that nothing is lost
  bool yielding = false;
  SystemTime running_since = 0;  // start of the present run, however often it was chosen again
  SystemTime charged_until = 0;  // of the present run
  Budget budget;                 // of the domain; its first vCPU has it
};

class Credit2 final : public Scheduler {
 public:
  explicit Credit2(const SchedulerSettings& settings)
      : longest_slice_{settings.slice > 0 ? settings.slice : kDefaultLongestSlice},
        rate_limit_{settings.rate_limit >= 0 ? settings.rate_limit : kDefaultRateLimit} {
    replenish_.name = "replenish";
  }

  void add(Vcpu& vcpu) override {
    State& added = vcpu.make_policy<State>();
    added.vcpu = &vcpu;
    if (!vcpu.is_idle) {
      members_.push_back(added);
      return;
    }
    cpus_[vcpu.cpu] = {&vcpu, &vcpu};
    ++cpu_count_;
  }
  Reaction remove(Vcpu& vcpu) override {
    members_.remove(vcpu.policy<State>());
    return {};
  }
  Reaction move(Vcpu& vcpu, CpuId to) override {
    vcpu.cpu = to;
    return {};
  }
  Reaction affinity_changed(Vcpu& vcpu) override {
    return {.reschedule = vcpu.linked() ? idlers() & vcpu.affinity : 0};
  }

  Reaction wake(Vcpu& vcpu, SystemTime now) override {
    insert(vcpu);
    return {.reschedule = to_interrupt(vcpu, now)};
  }
  void sleep(Vcpu& vcpu, SystemTime) override { queue_.remove(vcpu); }
  void yield(Vcpu& vcpu, SystemTime) override { vcpu.policy<State>().yielding = true; }
  Decision decide(CpuId id, Vcpu& current, SystemTime now) override;
  Reaction timer_expired(CpuId id, Timer& timer, SystemTime now) override;
  HypercallResult adjust(Vcpu& vcpu, const SchedulerParameters& parameters, SystemTime now) override;
  // Credit, weight, what is left of the domain's budget.
  Inspection inspect(const Vcpu& vcpu) const override {
    return {3, {vcpu.policy<State>().credit, vcpu.policy<State>().weight, budget(vcpu).left}};
  }

 private:
  struct Cpu {
    Vcpu* idle = nullptr;
    Vcpu* current = nullptr;
  };

  static Budget& budget(Vcpu& vcpu) { return vcpu.leader->policy<State>().budget; }
  static const Budget& budget(const Vcpu& vcpu) { return vcpu.leader->policy<State>().budget; }

  u32 idlers() const {
    u32 mask = 0;
    for (CpuId id = 0; id < cpu_count_; ++id) mask |= cpus_[id].current->is_idle ? cpu_bit(id) : 0;
    return mask;
  }

  u32 insert(Vcpu& vcpu);
  void burn(Vcpu& running, SystemTime now);
  void reset(s64 lowest, SystemTime now);
  u32 to_interrupt(Vcpu& queued, SystemTime now);
  Vcpu* candidate(CpuId id, Vcpu* current, u32& scanned) const;
  SystemTime slice_of(const Vcpu& next) const;

  SystemTime longest_slice_, rate_limit_;
  u32 cpu_count_ = 0;
  u32 highest_weight_ = 256;
  Cpu cpus_[kMaxCpus];
  List<Vcpu, RunQueueTag> queue_;  // who waits, by credit; those whose domain used its budget up as well
  List<State, MemberTag> members_;
  Timer replenish_;
};

// Behind all with as much credit. How many steps that took.
u32 Credit2::insert(Vcpu& vcpu) {
  return insert_sorted(
      queue_, vcpu, [](const Vcpu& a, const Vcpu& b) { return a.policy<State>().credit > b.policy<State>().credit; });
}

void Credit2::burn(Vcpu& running, SystemTime now) {
  State& of = running.policy<State>();
  const SystemTime ran = now - of.charged_until;
  if (ran <= 0) return;
  of.charged_until = now;
  const Division burnt = divide(static_cast<u64>(ran) * highest_weight_ + of.burnt_rest, of.weight);
  of.credit -= static_cast<s64>(burnt.quotient);
  of.burnt_rest = static_cast<u32>(burnt.remainder);
  if (budget(running).cap != 0) budget(running).left -= ran;
}

// Everybody gets the same, which leaves the order as it is but for those that had most.
void Credit2::reset(s64 lowest, SystemTime now) {
  for (CpuId id = 0; id < cpu_count_; ++id)
    if (!cpus_[id].current->is_idle) burn(*cpus_[id].current, now);
  const u64 below = lowest < 0 ? static_cast<u64>(-lowest) : 0;
  const s64 given = kInitialCredit * static_cast<s64>(1 + divide(below, kInitialCredit).quotient);
  members_.for_each([given](State& of) {
    of.credit += given;
    const bool keeps = of.vcpu->wants_cpu() && budget(*of.vcpu).cap == 0;
    const s64 most = kInitialCredit + (keeps ? kCarriedOverAwake : kCarriedOver);
    if (of.credit > most) of.credit = most;
    if (of.credit < -kInitialCredit) of.credit = -kInitialCredit;
  });
}

// One idle CPU if there is one for it, its own before others; else the one whose vCPU has least left, if that is less.
u32 Credit2::to_interrupt(Vcpu& queued, SystemTime now) {
  if (budget(queued).used_up()) return 0;
  if (const u32 idle = idlers() & queued.affinity; idle != 0)
    return (idle & cpu_bit(queued.cpu)) != 0 ? cpu_bit(queued.cpu) : idle & (~idle + 1);
  s64 least = queued.policy<State>().credit;
  u32 target = 0;
  for (CpuId id = 0; id < cpu_count_; ++id) {
    if ((queued.affinity & cpu_bit(id)) == 0) continue;
    burn(*cpus_[id].current, now);
    const s64 credit = cpus_[id].current->policy<State>().credit + (queued.cpu == id ? 0 : kMigrationResistance);
    if (credit >= least) continue;
    least = credit;
    target = cpu_bit(id);
  }
  return target;
}

// Who of those that wait goes before `current` (null: it does not want to run on); else that one.
Vcpu* Credit2::candidate(CpuId id, Vcpu* current, u32& scanned) const {
  for (Vcpu* queued = queue_.front(); queued != nullptr; queued = queue_.next(*queued)) {
    ++scanned;
    if ((queued->affinity & cpu_bit(id)) == 0 || budget(*queued).used_up()) continue;
    if (current == nullptr) return queued;
    const s64 resistance = queued->cpu != id ? kMigrationResistance : 0;
    if (queued->policy<State>().credit > current->policy<State>().credit + resistance) return queued;
    if (queued->policy<State>().credit <= current->policy<State>().credit) break;
  }
  return current;
}

// Until its credit meets that of the first that waits.
SystemTime Credit2::slice_of(const Vcpu& next) const {
  const State& of = next.policy<State>();
  SystemTime slice = longest_slice_;
  if (const Vcpu* waits = queue_.front()) {
    const s64 lead = of.credit - waits->policy<State>().credit;
    const SystemTime shortest = kShortestSlice > rate_limit_ ? kShortestSlice : rate_limit_;
    const auto run =
        lead > 0 ? static_cast<SystemTime>(divide(static_cast<u64>(lead) * of.weight, highest_weight_).quotient) : 0;
    slice = earlier(run > shortest ? run : shortest, longest_slice_);
  }
  if (budget(next).cap == 0 || budget(next).left >= slice) return slice;
  return budget(next).left > kLeastWait ? budget(next).left : kLeastWait;
}

Decision Credit2::decide(CpuId id, Vcpu& current, SystemTime now) {
  State& outgoing = current.policy<State>();
  if (!current.is_idle) burn(current, now);
  const bool stays = !current.is_idle && current.wants_cpu() && !budget(current).used_up();
  if (stays && !outgoing.yielding && now - outgoing.running_since < rate_limit_) {
    const SystemTime rest = outgoing.running_since + rate_limit_ - now;
    return {&current, now + (rest > kLeastWait ? rest : kLeastWait)};
  }

  u32 scanned = 0;
  Vcpu* next = candidate(id, stays && !outgoing.yielding ? &current : nullptr, scanned);
  if (next == nullptr) next = stays ? &current : cpus_[id].idle;
  outgoing.yielding = false;
  if (next->linked()) queue_.remove(*next);
  const bool put_back = !current.is_idle && current.wants_cpu() && next != &current;
  if (put_back) scanned += insert(current);

  State& incoming = next->policy<State>();
  if (next != &current) incoming.running_since = now;
  incoming.charged_until = now;
  next->cpu = id;
  cpus_[id].current = next;
  if (next->is_idle) return {next, kNever, scanned};
  if (incoming.credit <= 0) reset(incoming.credit, now);
  return {next, now + slice_of(*next), scanned, put_back && stays ? idlers() & current.affinity : 0};
}

// The next period of the caps. Who used up its budget may run again; what it overran is taken from the next one.
Reaction Credit2::timer_expired(CpuId id, Timer&, SystemTime now) {
  Reaction reaction;
  bool capped = false;
  members_.for_each([&](State& of) {
    Budget& domain = of.budget;
    if (domain.cap == 0) return;
    capped = true;
    const s64 full = domain.cap * kBudgetPeriod / 100;
    domain.left = domain.left + full < full ? domain.left + full : full;
  });
  for (Vcpu* queued = queue_.front(); queued != nullptr; queued = queue_.next(*queued))
    if (budget(*queued).cap != 0) reaction.reschedule |= to_interrupt(*queued, now);
  if (capped) timers(id).arm(replenish_, now + kBudgetPeriod);
  return reaction;
}

HypercallResult Credit2::adjust(Vcpu& vcpu, const SchedulerParameters& parameters, SystemTime now) {
  if (vcpu.is_idle) return Error::not_permitted;
  if (parameters.weight > 0xffff || parameters.cap > kHighestCap) return Error::invalid;
  if (vcpu.state == RunState::running) burn(vcpu, now);
  if (parameters.weight != 0) vcpu.policy<State>().weight = parameters.weight;
  vcpu.policy<State>().burnt_rest = 0;
  highest_weight_ = 1;
  members_.for_each([this](State& of) { highest_weight_ = of.weight > highest_weight_ ? of.weight : highest_weight_; });
  Budget& domain = budget(vcpu);
  if (domain.cap == 0 && parameters.cap != 0) domain.left = parameters.cap * kBudgetPeriod / 100;
  domain.cap = parameters.cap;
  if (parameters.cap != 0 && !replenish_.linked()) timers(vcpu.cpu).arm(replenish_, now + kBudgetPeriod);
  return HypercallResult::success();
}

constexpr SchedulerVariant kVariants[] = {{"one-queue", "all CPUs in one queue; caps by budgets of 10 ms"}};

}  // namespace

extern const SchedulerEntry credit2_scheduler;
constinit const SchedulerEntry credit2_scheduler = {
    "credit2",
    "who has most credit left runs; credit burns by weight; caps, one queue for all CPUs",
    kVariants,
    1,
    sizeof(Credit2),
    [](u32, const SchedulerSettings& settings, Arena& arena) -> Scheduler* {
      return arena.construct<Credit2>(settings);
    }};

}  // namespace hv
