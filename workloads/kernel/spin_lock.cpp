#include "workloads/kernel/spin_lock.h"

#include <algorithm>
#include <utility>

#include "model/execution.h"
#include "model/machine.h"
#include "workloads/ports/port.h"

namespace guest {

// --- brief ones ------------------------------------------------------------------------------------------------------

// The first hold behind a gap of `length` that begins at `start` or later, which is moved there.
BriefLock::Holds::iterator BriefLock::find_gap(sim::Cycles& start, sim::Cycles length) {
  auto next = holds_.begin();
  for (; next != holds_.end() && next->start < start + length; ++next) start = std::max(start, next->end);
  return next;
}

BriefLock::Hold BriefLock::take(u32 processor, sim::Cycles from, sim::Cycles length, sim::Cycles move,
                                sim::Cycles earliest) {
  while (!holds_.empty() && holds_.front().end <= earliest) {
    last_ = holds_.front().processor;
    holds_.pop_front();
  }
  const auto before = [this](Holds::iterator next) {
    return next == holds_.begin() ? last_ : std::prev(next)->processor;
  };
  Hold hold{from, from, std::exchange(moves_owed_[processor], 0)};
  auto next = find_gap(hold.start, length);
  if (before(next) != processor) {
    ++hold.moves;
    length += move;
    next = find_gap(hold.start, length);
  }
  hold.end = hold.start + length;
  // Who is behind the gap was charged as if nobody had been between its hold and the one before.
  if (next != holds_.end() && next->processor != processor && next->processor == before(next)) {
    ++moves_owed_[next->processor];
  }
  holds_.insert(next, {hold.start, hold.end, processor});

  ++counts_.takes;
  counts_.moves += hold.moves;
  if (hold.start > from) ++counts_.contended;
  counts_.spun += hold.start - from;
  return hold;
}

// --- others ----------------------------------------------------------------------------------------------------------

// A burst without an end; the release of the lock ends it for the first one that spins on a CPU.
class KernelSpinLock::Spin {
 public:
  explicit Spin(KernelSpinLock& lock) : lock_{lock}, place_{lock.machine_} { lock_.spinning_.push_back(this); }
  Spin(const Spin&) = delete;
  Spin& operator=(const Spin&) = delete;
  ~Spin() { std::erase(lock_.spinning_, this); }
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> here) {
    constexpr sim::Cycles kForEver{std::int64_t{1} << 50};  // five days
    const sim::Cycles limit = lock_.spin_limit_ > sim::Cycles{0} ? lock_.spin_limit_ : kForEver;
    lock_.port_.let_interrupts_in(true);
    eip_ = place_.suspend(here, {.left = limit, .spun = &lock_.counts_.spun});
  }
  bool await_resume() {  // false: its time is up
    place_.resumed();
    lock_.port_.let_interrupts_in(false);
    return woken_;
  }
  // False: it has no CPU. It will look for itself when it has one again.
  bool wake() {
    woken_ = true;
    model::CodePlace& place = *lock_.machine_.code().find(eip_);
    for (hv::CpuId id = 0; id < lock_.machine_.cpu_count(); ++id) {
      if (lock_.machine_.physical_cpu(id).finish_burst(place)) return true;
    }
    place.burst.left = sim::Cycles{0};
    return false;
  }

 private:
  KernelSpinLock& lock_;
  model::SuspendedPlace place_;
  u32 eip_ = 0;
  bool woken_ = false;
};

model::Task<> KernelSpinLock::in_order() {
  while (machine_.running().is_ahead()) co_await model::interruptible(machine_);
}

model::Task<> KernelSpinLock::take() {
  co_await in_order();
  ++counts_.takes;
  if (held_) ++counts_.contended;
  while (held_) {
    const bool released = co_await Spin{*this};
    if (released || !held_) continue;
    ++counts_.yields;
    co_await port_.yield();
  }
  held_ = true;
  if (std::exchange(last_, port_.processor()) == last_) co_return;
  ++counts_.moves;
  machine_.running().charge(machine_.file().memory.line_transfer * lines_, model::Cause::cache);
}

model::Task<> KernelSpinLock::release() {
  co_await in_order();
  held_ = false;
  if (!spinning_.empty()) machine_.queue().schedule(machine_.running().now(), *this, 0);
}

// It has been released.
void KernelSpinLock::on_event(std::uint64_t) {
  const std::vector<Spin*> waiting = spinning_;
  for (Spin* spin : waiting) {
    // Whoever goes on may take it, and release it, at once.
    if (held_ || spin->wake()) return;
  }
}

}  // namespace guest
