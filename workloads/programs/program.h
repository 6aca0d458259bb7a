// A program: the user side of a process, as a coroutine that reads like the benchmark it models.
#pragma once

#include <cstdint>
#include <string>

#include "model/task.h"

namespace guest {

class SystemCalls;

class Program {
 public:
  virtual ~Program() = default;
  // Each object is one process, which exits when this returns.
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

// As the kernel is told of it when it boots.
struct NamedProgram {
  std::string name;
  Program* program;
};

}  // namespace guest
