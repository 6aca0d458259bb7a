// A CPU for each vCPU and nothing to decide, as Xen's "null" scheduler (2017): for measuring without scheduling.
//
// A vCPU is given a free CPU of its affinity and keeps it, running or not; there is no timer and no preemption. Who
// finds none waits, and gets the first that becomes free and that it may run on. The longest waiting is first.
#include "schedule/registry.h"
#include "schedule/scheduler.h"

namespace hv {

namespace {

class Null final : public Scheduler {
 public:
  void add(Vcpu& vcpu) override {
    State& added = vcpu.make_policy<State>();
    added.vcpu = &vcpu;
    if (vcpu.is_idle) {
      cpus_[vcpu.cpu].idle = &vcpu;
      ++cpu_count_;
    } else if (!take_free_cpu(vcpu)) {
      waiting_.push_back(added);
    }
  }

  Reaction remove(Vcpu& vcpu) override {
    State& removed = vcpu.policy<State>();
    if (removed.linked()) waiting_.remove(removed);
    return holds(vcpu) ? hand_on(vcpu.cpu) : Reaction{};
  }

  Reaction move(Vcpu& vcpu, CpuId to) override {
    const CpuId from = vcpu.cpu;
    const bool held = holds(vcpu);
    vcpu.cpu = to;
    if (held) cpus_[from].owner = nullptr;
    if (State& moved = vcpu.policy<State>(); take_free_cpu(vcpu)) {
      if (moved.linked()) waiting_.remove(moved);
    } else if (held) {
      waiting_.push_back(moved);
    }
    return held ? hand_on(from) : Reaction{};
  }
  // One that waits may now run on a CPU that is free.
  Reaction affinity_changed(Vcpu& vcpu) override {
    State& of = vcpu.policy<State>();
    if (!of.linked() || !take_free_cpu(vcpu)) return {};
    waiting_.remove(of);
    return {.reschedule = cpu_bit(vcpu.cpu)};
  }

  Reaction wake(Vcpu& vcpu, SystemTime) override { return {.reschedule = holds(vcpu) ? cpu_bit(vcpu.cpu) : 0}; }
  void sleep(Vcpu&, SystemTime) override {}
  void yield(Vcpu&, SystemTime) override {}

  Decision decide(CpuId id, Vcpu&, SystemTime) override {
    Vcpu* owner = cpus_[id].owner;
    return {owner != nullptr && owner->wants_cpu() ? owner : cpus_[id].idle, kNever};
  }

  Reaction timer_expired(CpuId, Timer&, SystemTime) override { return {}; }
  HypercallResult adjust(Vcpu&, const SchedulerParameters&, SystemTime) override { return HypercallResult::success(); }
  Inspection inspect(const Vcpu&) const override { return {}; }
  bool waits(const Vcpu& vcpu) const override { return holds(vcpu) || vcpu.policy<State>().linked(); }

 private:
  struct WaitTag;
  struct State : ListNode<WaitTag> {
    Vcpu* vcpu = nullptr;
  };
  struct Cpu {
    Vcpu* idle = nullptr;
    Vcpu* owner = nullptr;  // null: free
  };

  bool holds(const Vcpu& vcpu) const { return cpus_[vcpu.cpu].owner == &vcpu; }

  bool take(Vcpu& vcpu, CpuId id) {
    if (cpus_[id].owner != nullptr || (vcpu.affinity & cpu_bit(id)) == 0) return false;
    cpus_[id].owner = &vcpu;
    vcpu.cpu = id;
    return true;
  }
  // The one where it was placed, if that is free; else the first.
  bool take_free_cpu(Vcpu& vcpu) {
    if (take(vcpu, vcpu.cpu)) return true;
    for (CpuId id = 0; id < cpu_count_; ++id)
      if (take(vcpu, id)) return true;
    return false;
  }
  // To the first that waits and may run there.
  Reaction hand_on(CpuId id) {
    cpus_[id].owner = nullptr;
    for (State* of = waiting_.front(); of != nullptr; of = waiting_.next(*of)) {
      if (!take(*of->vcpu, id)) continue;
      waiting_.remove(*of);
      return {.reschedule = cpu_bit(id)};
    }
    return {};
  }

  u32 cpu_count_ = 0;
  Cpu cpus_[kMaxCpus];
  List<State, WaitTag> waiting_;
};

constexpr SchedulerVariant kVariants[] = {{"static", "the first free CPU, for good"}};

}  // namespace

extern const SchedulerEntry null_scheduler;
constinit const SchedulerEntry null_scheduler = {
    "null",       "a CPU of its own for each vCPU, nothing to decide",
    kVariants,    1,
    sizeof(Null), [](u32, const SchedulerSettings&, Arena& arena) -> Scheduler* { return arena.construct<Null>(); }};

}  // namespace hv
