// The CPU scheduler of Linux 2.4: one run queue, searched in full for the best goodness.
//
// A process has a time slice of `counter` ticks. When nobody runnable has any left, everybody's is set to half of what
// was left plus a new slice, so that sleepers gather up to two slices. (Linux 2.4.22, kernel/sched.c.)
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "workloads/kernel/process.h"

namespace guest {

class Scheduler {
 public:
  static constexpr s32 kSameProcessorBonus = 15;
  static constexpr s32 kSameSpaceBonus = 1;
  static constexpr s32 kMostTicks = 20;  // that a parent gets together from its children's slices (MAX_COUNTER)
  // Ticks of a new time slice at HZ 100: 6 at nice 0, 1 at 19, 11 at -20.
  static constexpr s32 slice_ticks(s32 nice) { return ((20 - nice) >> 2) + 1; }

  explicit Scheduler(u32 processors);

  // Idle process of each processor: runs when nothing else can, never in the queue.
  void set_idle(u32 processor, Process& idle);
  void add_process(Process& process) { processes_.push_back(&process); }       // for recalculation; not yet runnable
  void remove_process(Process& process) { std::erase(processes_, &process); }  // dead
  void set_need_reschedule(u32 processor) { processors_[processor].need_reschedule = true; }

  Process& current(u32 processor) const { return *processors_[processor].current; }
  bool need_reschedule(u32 processor) const { return processors_[processor].need_reschedule; }

  // Makes a sleeping process runnable. Answers the processor that should reschedule because of it, if any, and has set
  // its flag.
  std::optional<u32> wake(Process& process);

  // The next process for a processor whose current one is still runnable or has just changed its state. Clears the
  // flag and makes it current. Nothing is switched here.
  struct Choice {
    Process* next;
    u32 examined = 0;      // processes looked at
    u32 recalculated = 0;  // time slices renewed
  };
  Choice choose(u32 processor);

  // `ticks` timer ticks passed with the current process on `processor`.
  void tick(u32 processor, u32 ticks);

  s32 goodness(const Process& process, u32 processor, const AddressSpace* active) const;
  std::size_t runnable() const { return run_queue_.size(); }

 private:
  struct Processor {
    Process* idle = nullptr;
    Process* current = nullptr;
    const AddressSpace* active = nullptr;  // loaded there; kernel threads borrow it
    bool need_reschedule = false;
  };
  s32 preemption_goodness(const Process& woken, u32 processor) const;

  std::vector<Processor> processors_;
  // Newest wake-up last. An array, and not a list through the processes, so that a search waits for many of them at
  // once when thousands are runnable.
  std::vector<Process*> run_queue_;
  std::vector<Process*> processes_;
};

}  // namespace guest
