// Coroutines that nobody awaits: interrupt and exception handlers, which end by returning to what they interrupted.
//
// A handler that switches to another process stays suspended until its process runs again, perhaps for ever; its frame
// belongs to this list and goes when the kernel goes.
#pragma once

#include <vector>

#include "model/task.h"

namespace guest {

class DetachedTasks {
 public:
  // Runs `body` up to its first suspension or its end.
  void start(model::Task<> body) {
    std::size_t slot = slots_.size();
    if (ended_.empty()) {
      slots_.push_back(run(slot, std::move(body)));
    } else {
      slot = ended_.back();
      ended_.pop_back();
      slots_[slot] = run(slot, std::move(body));  // what was there has ended and is destroyed now
    }
    slots_[slot].handle().resume();
  }

 private:
  model::Task<> run(std::size_t slot, model::Task<> body) {
    co_await body;
    ended_.push_back(slot);
  }

  std::vector<model::Task<>> slots_;
  std::vector<std::size_t> ended_;
};

}  // namespace guest
