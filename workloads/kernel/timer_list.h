// Kernel timers: processes that sleep until a jiffy. Run from the timer interrupt.
#pragma once

#include <map>
#include <optional>

#include "workloads/kernel/process.h"

namespace guest {

class TimerList {
 public:
  void add(u64 expiry_jiffy, Process& process) {
    process.wakes_at = expiry_jiffy;
    timers_.emplace(expiry_jiffy, &process);
  }
  void remove(Process& process) {
    if (!process.wakes_at) return;
    auto [timer, end] = timers_.equal_range(*process.wakes_at);
    while (timer != end && timer->second != &process) ++timer;
    if (timer != end) timers_.erase(timer);
    process.wakes_at.reset();
  }
  std::optional<u64> next() const {
    return timers_.empty() ? std::nullopt : std::optional<u64>{timers_.begin()->first};
  }

  // Takes the process's timer for that jiffy away, if it has one.
  void remove(u64 expiry_jiffy, const Process& process) {
    const auto [first, last] = timers_.equal_range(expiry_jiffy);
    for (auto timer = first; timer != last; ++timer) {
      if (timer->second != &process) continue;
      timers_.erase(timer);
      return;
    }
  }

  // Takes one timer that is due at `jiffy`; null if there is none. Equal expiries come in the order they were added.
  Process* take_due(u64 jiffy) {
    if (timers_.empty() || timers_.begin()->first > jiffy) return nullptr;
    Process* process = timers_.begin()->second;
    timers_.erase(timers_.begin());
    process->wakes_at.reset();
    return process;
  }

 private:
  std::multimap<u64, Process*> timers_;
};

}  // namespace guest
