// Credit, the scheduler of Xen from 3.0.3 on: each domain earns credits by weight and pays for running.
//
// A vCPU with credits is UNDER its share and goes before those that are OVER it; within a class it is first in, first
// out, with slices of 30 ms. Every third tick of 10 ms the accounting gives out what the CPUs are worth. A CPU whose
// next vCPU is not UNDER looks for a better one that waits elsewhere. From 3.1 on a vCPU that wakes UNDER is boosted
// before all others. A domain with a cap is parked once it has used it up.
//
// One implementation serves three variants, whose differences CreditRules names. `exact` charges what was run, gives
// out what can be used, and lets who has more credits go first within a class (credit_exact.cpp); the historical ones
// charge whoever a tick finds running, and give out by a rule of thumb (credit_sampled.cpp). docs/decisions says why.
#pragma once

#include "base/list.h"
#include "schedule/scheduler.h"

namespace hv {

struct CreditRules {
  bool exact;
  bool boost;
  // 3.0.3: a capped vCPU in debt stays in the queue, behind the idle one. Else it is taken off the CPUs.
  bool parks_by_priority;
  bool active_from_creation;    // 3.0.3; else from the first time that it is charged
  bool steals_from_idle;        // 3.0.3: looks at the queues of idle CPUs too, which are about to choose
  bool balance_before_zeroing;  // 3.0.3: counts what a vCPU loses when it stops earning as still there
  s64 credits_per_tick;         // `exact`: ns, the length of the tick
};

class Credit final : public Scheduler {
 public:
  Credit(const CreditRules& rules, const SchedulerSettings& settings);

  void add(Vcpu& vcpu) override;
  Reaction remove(Vcpu& vcpu) override;
  Reaction move(Vcpu& vcpu, CpuId to) override;
  Reaction affinity_changed(Vcpu& vcpu) override;
  Reaction wake(Vcpu& vcpu, SystemTime now) override;
  void sleep(Vcpu& vcpu, SystemTime now) override;
  void yield(Vcpu& vcpu, SystemTime now) override;
  Decision decide(CpuId cpu, Vcpu& current, SystemTime now) override;
  Reaction timer_expired(CpuId cpu, Timer& timer, SystemTime now) override;
  HypercallResult adjust(Vcpu& vcpu, const SchedulerParameters& parameters, SystemTime now) override;
  Inspection inspect(const Vcpu& vcpu) const override;  // credit, priority, sum of credits at the last accounting
  bool waits(const Vcpu& vcpu) const override { return vcpu.linked() || state(vcpu).parked; }

 private:
  struct ActiveTag;
  struct GroupTag;
  struct State;

  enum Priority : s32 { kBoost = 0, kUnder = -1, kOver = -2, kIdle = -64, kParked = -65 };

  // What belongs to a domain; its first vCPU has it.
  struct Group : ListNode<GroupTag> {
    List<State, ActiveTag> active;  // its vCPUs that earn credits
    u32 active_count = 0;
    u32 weight = 256;
    u32 cap = 0;  // percent of one CPU; 0: none
  };

  struct State : ListNode<ActiveTag> {
    Vcpu* vcpu = nullptr;
    s64 credit = 0;
    s32 priority = kUnder;
    bool parked = false;
    bool yielding = false;
    bool settled = false;          // exact accounting: it has its share
    SystemTime running_since = 0;  // start of the present run, however often it was chosen again
    SystemTime charged_until = 0;  // exact: of the present run
    s64 share = 0;                 // exact accounting
    Group group;
  };

  struct Cpu {
    Vcpu* current = nullptr;
    List<Vcpu, RunQueueTag> queue;  // by priority, then first in first out, or by credit; without the running one
    Timer tick;
    SystemTime next_tick = 0;
    u32 sorted_at = 0;     // number of the accounting after which the queue was sorted
    bool in_order = true;  // all of it, as far as sorting went
  };

  static State& state(Vcpu& vcpu) { return vcpu.policy<State>(); }
  static const State& state(const Vcpu& vcpu) { return vcpu.policy<State>(); }
  static Group& group(Vcpu& vcpu) { return state(*vcpu.leader).group; }

  bool before(const Vcpu& a, const Vcpu& b, s64 margin = 0) const;
  u32 insert(Vcpu& vcpu);
  void sort(Cpu& cpu);
  Vcpu* steal(CpuId for_cpu, const Vcpu& best_here, u32& scanned);
  u32 to_interrupt(const Vcpu& queued) const;
  Reaction tick(CpuId id, SystemTime now);

  void start_earning(Vcpu& vcpu);
  void stop_earning(State& of);
  void park(State& of, Reaction& reaction);
  void unpark(State& of, Reaction& reaction);

  // credit_sampled.cpp
  void charge_tick(Vcpu& running);
  void account_sampled(Reaction& reaction);
  void settle_sampled(State& of, const Group& group, s64 share, s64 cap_credits, Reaction& reaction);

  // credit_exact.cpp
  void charge_run(Vcpu& running, SystemTime now);
  SystemTime slice_of(const Vcpu& next) const;
  // How high the shares of those stand that could use more: worth for each unit of weight. Weight 0: nobody could.
  struct Level {
    s64 worth;
    s64 weight;
  };
  static constexpr s64 kByWeight = -1;  // a share that is not known yet
  template <class Visit>
  void for_each_earning(Visit visit) const;
  void account_exact(SystemTime now, Reaction& reaction);
  u32 insert_exact(Vcpu& vcpu);
  void sort_exact(Cpu& cpu);
  u32 tightest(u32 cpus_left) const;
  Level fill(u32 cpus, u32 cpus_left) const;
  s64 most_useful(const State& of) const;

  s64 per_accounting() const { return kTicksPerAccounting * rules_.credits_per_tick; }

  static constexpr u32 kTicksPerAccounting = 3;

  CreditRules rules_;
  SystemTime slice_, tick_, rate_limit_;
  u32 cpu_count_ = 0;
  u32 idlers_ = 0;  // CPUs, as a mask
  u32 ticks_ = 0, accountings_ = 0;
  s64 balance_ = 0;               // sum of the credits at the last accounting
  List<Group, GroupTag> groups_;  // with a vCPU that earns
  Cpu cpus_[kMaxCpus];
};

}  // namespace hv
