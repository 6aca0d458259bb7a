// "12 of 81 runs, 3.4 runs/s, 20 s left" on stderr, in one line that is written over; before it a title, if there is
// one.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <utility>

namespace runner {

class Progress {
 public:
  Progress(bool wanted, std::size_t total, std::string what, const std::string& title = "")
      : wanted_{wanted}, total_{total}, what_{std::move(what)}, title_{title.empty() ? "" : title + ": "} {}

  // `before` of those done took no time, as they were there from an earlier run.
  void show(std::size_t done, std::size_t failed = 0, std::size_t before = 0);

 private:
  using Clock = std::chrono::steady_clock;

  bool wanted_;
  std::size_t total_;
  std::string what_, title_;
  Clock::time_point start_ = Clock::now(), shown_{};
};

// "90 s", "25 min", "3.2 h"
std::string duration_text(double seconds);

}  // namespace runner
