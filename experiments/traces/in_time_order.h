// Puts records in the order of time that come nearly in it: a CPU runs ahead of the event queue by the length of one
// handler, so what different CPUs and devices report interleaves. What lies before the event queue's time is complete
// and can go. The order of one instant is the order of the reports.
#pragma once

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "sim/time.h"

namespace runner {

template <class Record>
class InTimeOrder {
 public:
  void add(sim::Time at, const Record& record) {
    if (at < released_) throw std::logic_error{"a trace was told of something after its time had passed"};
    waiting_.push_back({at, record});
  }

  // Calls visit(time, record) for all that are not released yet; it may move one, but not before what is.
  template <class Visit>
  void for_each_waiting(const Visit& visit) {
    for (Entry& entry : waiting_) visit(entry.at, entry.record);
  }

  // Calls write(time, record) for all up to and including `until`; nothing before that is added any more.
  template <class Write>
  void release(sim::Time until, const Write& write) {
    released_ = until;
    std::stable_sort(waiting_.begin(), waiting_.end(), [](const Entry& a, const Entry& b) { return a.at < b.at; });
    auto end = waiting_.begin();
    for (; end != waiting_.end() && end->at <= until; ++end) write(end->at, end->record);
    waiting_.erase(waiting_.begin(), end);
  }

 private:
  struct Entry {
    sim::Time at;
    Record record;
  };
  sim::Time released_;
  std::vector<Entry> waiting_;
};

}  // namespace runner
