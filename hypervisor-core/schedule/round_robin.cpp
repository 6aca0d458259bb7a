// Round robin, as Xen 2.0 had it beside BVT: every vCPU of a CPU in turn for a slice of 10 ms, no weights.
//
// The queue holds who waits; whose slice ends goes to its tail, who wakes to its head, but takes the CPU from the idle
// vCPU alone. vCPUs stay where they are placed.
#include "schedule/registry.h"
#include "schedule/scheduler.h"

namespace hv {

namespace {

constexpr SystemTime kDefaultSlice = 10'000'000;

class RoundRobin final : public Scheduler {
 public:
  explicit RoundRobin(const SchedulerSettings& settings)
      : slice_{settings.slice > 0 ? settings.slice : kDefaultSlice} {}

  void add(Vcpu& vcpu) override {
    if (vcpu.is_idle) cpus_[vcpu.cpu].current = cpus_[vcpu.cpu].idle = &vcpu;
  }
  Reaction remove(Vcpu&) override { return {}; }
  Reaction move(Vcpu& vcpu, CpuId to) override {
    vcpu.cpu = to;
    return {};
  }

  Reaction wake(Vcpu& vcpu, SystemTime) override {
    Cpu& cpu = cpus_[vcpu.cpu];
    cpu.queue.push_front(vcpu);
    return {.reschedule = cpu.current->is_idle ? cpu_bit(vcpu.cpu) : 0};
  }
  void sleep(Vcpu& vcpu, SystemTime) override { cpus_[vcpu.cpu].queue.remove(vcpu); }
  void yield(Vcpu&, SystemTime) override {}

  Decision decide(CpuId id, Vcpu& current, SystemTime now) override {
    Cpu& cpu = cpus_[id];
    if (!current.is_idle && current.wants_cpu()) cpu.queue.push_back(current);
    Vcpu* next = cpu.queue.front();
    if (next == nullptr) {
      next = cpu.idle;
    } else {
      cpu.queue.remove(*next);
    }
    cpu.current = next;
    return {next, now + slice_, 1};
  }

  Reaction timer_expired(CpuId, Timer&, SystemTime) override { return {}; }
  HypercallResult adjust(Vcpu&, const SchedulerParameters&, SystemTime) override { return HypercallResult::success(); }
  Inspection inspect(const Vcpu&) const override { return {}; }

 private:
  struct Cpu {
    Vcpu* idle = nullptr;
    Vcpu* current = nullptr;
    List<Vcpu, RunQueueTag> queue;
  };

  SystemTime slice_;
  Cpu cpus_[kMaxCpus];
};

constexpr SchedulerVariant kVariants[] = {{"xen-2.0", "as released in November 2004"}};

}  // namespace

extern const SchedulerEntry round_robin_scheduler;
constinit const SchedulerEntry round_robin_scheduler = {
    "rr",
    "round robin: equal slices in turn, no weights",
    kVariants,
    1,
    sizeof(RoundRobin),
    [](u32, const SchedulerSettings& settings, Arena& arena) -> Scheduler* {
      return arena.construct<RoundRobin>(settings);
    }};

}  // namespace hv
