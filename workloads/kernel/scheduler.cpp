#include "workloads/kernel/scheduler.h"

#include <algorithm>

namespace guest {

Scheduler::Scheduler(u32 processors) : processors_(processors) {}

void Scheduler::set_idle(u32 processor, Process& idle) {
  idle.processor = processor;
  idle.on_processor = true;
  idle.state = Process::State::runnable;
  processors_[processor].idle = &idle;
  processors_[processor].current = &idle;
}

// Without jumps: which of thousands of processes have ticks left is nothing that a host processor could foresee.
s32 Scheduler::goodness(const Process& process, u32 processor, const AddressSpace* active) const {
  const AddressSpace* const space = process.space.get();
  const bool same_space = (space == nullptr) | (space == active);
  const s32 weight = process.counter + 20 - process.nice + kSameProcessorBonus * (process.processor == processor) +
                     kSameSpaceBonus * same_space;
  return process.counter == 0 ? 0 : weight;
}

s32 Scheduler::preemption_goodness(const Process& woken, u32 processor) const {
  const Processor& place = processors_[processor];
  return goodness(woken, processor, place.active) - goodness(*place.current, processor, place.active);
}

std::optional<u32> Scheduler::wake(Process& process) {
  if (process.state != Process::State::sleeping) return std::nullopt;
  process.state = Process::State::runnable;
  if (process.in_run_queue) return std::nullopt;  // it has not even left its processor yet
  process.in_run_queue = true;
  run_queue_.push_back(&process);

  const auto idle = [&](u32 processor) {
    const Processor& place = processors_[processor];
    return place.current == place.idle && !place.need_reschedule;
  };
  std::optional<u32> target;
  if (idle(process.processor)) {
    target = process.processor;
  } else {
    // First an idle processor, then the one whose process the woken one beats by most.
    s32 best = 0;
    for (u32 i = 0; i < processors_.size(); ++i) {
      if (idle(i)) {
        target = i;
        break;
      }
      const bool waiting_to_switch = processors_[i].current == processors_[i].idle;
      const s32 gain = waiting_to_switch ? 0 : preemption_goodness(process, i);
      if (gain > best) {
        best = gain;
        target = i;
      }
    }
  }
  if (target) processors_[*target].need_reschedule = true;
  return target;
}

Scheduler::Choice Scheduler::choose(u32 processor) {
  Processor& place = processors_[processor];
  Process& previous = *place.current;
  place.need_reschedule = false;
  if (previous.state != Process::State::runnable && previous.in_run_queue) {
    previous.in_run_queue = false;
    run_queue_.erase(std::ranges::find(run_queue_, &previous));
  }

  Choice choice{place.idle};
  while (true) {
    s32 best = -1;
    for (auto at = run_queue_.rbegin(); at != run_queue_.rend(); ++at) {
      Process* const candidate = *at;
      if (candidate->on_processor && candidate != &previous) continue;
      ++choice.examined;
      const s32 weight = goodness(*candidate, processor, place.active);
      if (weight > best) {
        best = weight;
        choice.next = candidate;
      }
    }
    if (best != 0) break;  // nobody, or somebody with time left
    for (Process* process : processes_) {
      process->counter = process->counter / 2 + slice_ticks(process->nice);
      ++choice.recalculated;
    }
  }

  choice.next->on_processor = true;  // as the previous one still is, until its registers are saved
  choice.next->processor = processor;
  place.current = choice.next;
  if (choice.next->space) place.active = choice.next->space.get();
  return choice;
}

void Scheduler::tick(u32 processor, u32 ticks) {
  Processor& place = processors_[processor];
  Process& process = *place.current;
  if (process.id == 0) return;
  process.cpu_ticks += ticks;
  process.counter = std::max(0, process.counter - static_cast<s32>(ticks));
  if (process.counter == 0) place.need_reschedule = true;
}

}  // namespace guest
