#include "schedule/run_state.h"

namespace hv {

RunStates::RunStates(Scheduler& scheduler, u32 cpu_count, SystemTime timer_slop)
    : scheduler_{scheduler}, cpu_count_{cpu_count}, timer_slop_{timer_slop} {
  for (CpuId id = 0; id < cpu_count; ++id) {
    Cpu& cpu = cpus_[id];
    current_[id] = &cpu.idle;
    cpu.idle.cpu = id;
    cpu.idle.affinity = cpu_bit(id);
    cpu.idle.is_idle = true;
    cpu.idle.state = RunState::running;
    scheduler_.add(cpu.idle);
  }
}

RunState RunStates::waiting_state(const Vcpu& vcpu) {
  if (vcpu.pause_count > 0) return RunState::paused;
  return vcpu.blocked ? RunState::blocked : RunState::runnable;
}

inline void RunStates::enter(Vcpu& vcpu, RunState state, SystemTime now) {
  const RunState before = vcpu.state;
  vcpu.state = state;
  if (observer_ != nullptr && state != before) observer_->state_changed(vcpu, before, now);
}

// The next CPU in turn of those that the vCPU may run on.
CpuId RunStates::place(const Vcpu& vcpu) {
  const u32 allowed = vcpu.affinity & all_cpus();
  if ((allowed & (allowed - 1)) == 0) return static_cast<CpuId>(__builtin_ctz(allowed));  // others keep their turns
  const u32 from_next = allowed & (kAllCpus << next_placement_);
  const auto cpu = static_cast<CpuId>(__builtin_ctz(from_next != 0 ? from_next : allowed));
  next_placement_ = (cpu + 1) % cpu_count_;
  return cpu;
}

void RunStates::add(Vcpu& vcpu, u32 cpus) {
  vcpu.affinity = cpus;
  vcpu.cpu = place(vcpu);
  vcpu.pause_count = 1;
  vcpu.blocked = false;
  vcpu.state = RunState::paused;
  scheduler_.add(vcpu);
}

void RunStates::remove(Vcpu& vcpu, SystemTime now) {
  if (vcpu.state == RunState::runnable) scheduler_.sleep(vcpu, now);
  timer_moved(vcpu.cpu);
  react(scheduler_.remove(vcpu));
  enter(vcpu, RunState::offline, now);
}

// The vCPU, which is not running, may want the CPU now.
void RunStates::start_waiting(Vcpu& vcpu, SystemTime now) {
  enter(vcpu, waiting_state(vcpu), now);
  if (vcpu.state != RunState::runnable) return;
  vcpu.runnable_since = now;
  react(scheduler_.wake(vcpu, now));
}

// The vCPU is held back; if it is running, its CPU finds out when it chooses.
void RunStates::stop_waiting(Vcpu& vcpu, SystemTime now) {
  if (vcpu.state == RunState::running) {
    request_reschedule(vcpu.cpu);
    return;
  }
  if (vcpu.state == RunState::runnable) scheduler_.sleep(vcpu, now);
  enter(vcpu, waiting_state(vcpu), now);
}

void RunStates::wake(Vcpu& vcpu, SystemTime now) {
  if (!vcpu.blocked) return;
  vcpu.blocked = false;
  if (vcpu.state != RunState::running) start_waiting(vcpu, now);
}

void RunStates::block(Vcpu& vcpu, SystemTime now) {
  vcpu.blocked = true;
  stop_waiting(vcpu, now);
}

void RunStates::yield(Vcpu& vcpu, SystemTime now) {
  scheduler_.yield(vcpu, now);
  request_reschedule(vcpu.cpu);
}

void RunStates::pause(Vcpu& vcpu, SystemTime now) {
  ++vcpu.pause_count;
  if (vcpu.pause_count == 1) stop_waiting(vcpu, now);
}

void RunStates::unpause(Vcpu& vcpu, SystemTime now) {
  --vcpu.pause_count;
  if (vcpu.pause_count == 0 && vcpu.state != RunState::running) start_waiting(vcpu, now);
}

void RunStates::pin(Vcpu& vcpu, u32 cpus, SystemTime now) {
  vcpu.affinity = cpus;
  Cpu& home = cpus_[vcpu.cpu];
  const bool leaving = vcpu.state == RunState::running && home.leaving_to != kNoCpu;
  if (!leaving && (cpus & cpu_bit(vcpu.cpu)) != 0) {
    react(scheduler_.affinity_changed(vcpu));
    return;
  }
  const CpuId cpu = place(vcpu);
  if (vcpu.state == RunState::running) {
    if (!leaving) pause(vcpu, now);  // until it is off its present CPU: choose() does the rest
    home.leaving_to = cpu;
    return;
  }
  if (vcpu.state == RunState::runnable) scheduler_.sleep(vcpu, now);
  timer_moved(vcpu.cpu);  // they go with it
  react(scheduler_.move(vcpu, cpu));
  timer_moved(cpu);
  start_waiting(vcpu, now);
}

void RunStates::react(const Reaction& reaction) {
  for (u32 cpus = reaction.reschedule; cpus != 0; cpus &= cpus - 1)
    request_reschedule(static_cast<CpuId>(__builtin_ctz(cpus)));
  if (reaction.reschedule != 0) return;
  Timer& run_timer = cpus_[reaction.cpu].run_timer;
  if (reaction.decide_by >= run_timer.expiry) return;
  scheduler_.timers(reaction.cpu).arm(run_timer, reaction.decide_by);
  timer_moved(reaction.cpu);
  kick(reaction.cpu);
}

Vcpu& RunStates::choose(CpuId id, SystemTime now) {
  Cpu& cpu = cpus_[id];
  Vcpu& previous = *current_[id];
  const Decision decision = scheduler_.decide(id, previous, now);
  Vcpu& next = *decision.vcpu;
  if (observer_ != nullptr) observer_->decided(id, previous, decision, scheduler_, now);

  previous.cpu_time += now - previous.run_since;
  if (&previous != &next) {
    enter(previous, waiting_state(previous), now);
    previous.runnable_since = now;
    ++next.times_switched_in;
  }
  enter(next, RunState::running, now);
  next.run_since = now;
  current_[id] = &next;
  cpu.reschedule = false;
  cpu.scanned = decision.scanned;
  scheduler_.timers(id).arm(cpu.run_timer, decision.until);
  if (decision.reschedule != 0) react({.reschedule = decision.reschedule});

  if (cpu.leaving_to != kNoCpu) {
    if (cpu.leaving_to != id) react(scheduler_.move(previous, cpu.leaving_to));
    timer_moved(cpu.leaving_to);
    cpu.leaving_to = kNoCpu;
    unpause(previous, now);
  }
  return next;
}

ExpiredTimer RunStates::run_one_timer(CpuId id, SystemTime now) {
  TimerQueue& timers = scheduler_.timers(id);
  Timer* timer = timers.first();
  if (timer == nullptr || timer->expiry > now + timer_slop_) return {};
  timers.disarm(*timer);
  const ExpiredTimer expired{timer->name, timer->vcpu};
  if (timer == &cpus_[id].run_timer) {
    request_reschedule(id);
  } else {
    react(scheduler_.timer_expired(id, *timer, now));
  }
  return expired;
}

u32 RunStates::run_timers(CpuId id, SystemTime now) {
  u32 ran = 0;
  while (run_one_timer(id, now).name != nullptr) ++ran;
  return ran;
}

SystemTime RunStates::cpu_time(const Vcpu& vcpu, SystemTime now) const {
  return vcpu.cpu_time + (running(vcpu) ? now - vcpu.run_since : 0);
}

}  // namespace hv
