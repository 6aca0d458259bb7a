// A program: the user side of a process, as a coroutine that reads like the benchmark it models.
#pragma once

#include <cstdint>

#include "model/task.h"

namespace guest {

class SystemCalls;

class Program {
 public:
  virtual ~Program() = default;
  // Does not return: a process has no parent yet that would wait for it. Each object is one process.
  virtual model::Task<> run(SystemCalls& calls) = 0;

  // Cycles of finished useful work, without what memory and kernel made of it.
  std::int64_t useful_cycles() const { return useful_cycles_; }
  bool running() const { return running_; }  // past its start-up

 protected:
  void count_work(std::int64_t cycles) { useful_cycles_ += cycles; }
  void started() { running_ = true; }

 private:
  std::int64_t useful_cycles_ = 0;
  bool running_ = false;
};

}  // namespace guest
