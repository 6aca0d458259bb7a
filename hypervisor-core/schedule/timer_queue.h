// Software timers of one CPU, in order of expiry; equal expiries in the order they were armed.
//
// The generic layer's run timer and a policy's own timers stand in the same queue, because their order at equal
// expiries decides who runs (the recorded traces of the historical schedulers depend on it).
#pragma once

#include "base/list.h"
#include "base/types.h"

namespace hv {

struct Vcpu;
struct TimerTag;

struct Timer : ListNode<TimerTag> {
  SystemTime expiry = kNever;
  const char* name = "timer";  // what a trace of decisions calls its expiry
  Vcpu* vcpu = nullptr;        // whose timer it is; null: the CPU's
};

class TimerQueue {
 public:
  // Absolute. Replaces the expiry of a timer that is armed already, which then counts as armed last. kNever disarms.
  void arm(Timer& timer, SystemTime expiry) {
    disarm(timer);
    timer.expiry = expiry;
    if (expiry == kNever) return;
    Timer* later = queue_.front();
    while (later != nullptr && later->expiry <= expiry) later = queue_.next(*later);
    if (later == nullptr) {
      queue_.push_back(timer);
    } else {
      queue_.insert_before(*later, timer);
    }
  }

  void disarm(Timer& timer) {
    if (timer.linked()) queue_.remove(timer);
    timer.expiry = kNever;
  }

  Timer* first() const { return queue_.front(); }
  SystemTime next_expiry() const { return queue_.empty() ? kNever : queue_.front()->expiry; }

 private:
  List<Timer, TimerTag> queue_;
};

}  // namespace hv
