// Where processes sleep until something happens: a queue per condition, first come, first woken.
#pragma once

#include <vector>

namespace guest {

struct Process;

class WaitQueue {
 public:
  void add(Process& process) { waiting_.push_back(&process); }
  void remove(Process& process) { std::erase(waiting_, &process); }
  bool empty() const { return waiting_.empty(); }

  // The one that waits longest leaves the queue; null if there is none. Waking it is the scheduler's.
  Process* take_first() {
    if (waiting_.empty()) return nullptr;
    Process* first = waiting_.front();
    waiting_.erase(waiting_.begin());
    return first;
  }

 private:
  std::vector<Process*> waiting_;  // few, and mostly none: every buffer has a queue
};

}  // namespace guest
