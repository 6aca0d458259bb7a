#include <algorithm>
#include <array>
#include <queue>
#include <tuple>
#include <vector>

#include "experiments/runner/bench.h"
#include "experiments/runner/stopwatch.h"
#include "sim/event_queue.h"

namespace runner {

namespace {

constexpr std::size_t kPending = 1000;
constexpr std::uint64_t kEvents = 2'000'000;

// What one would write without a queue of one's own: the standard heap with the same order and the same kind of
// handles, and cancelled events skipped when they come up.
class StandardQueue {
 public:
  sim::Time now() const { return now_; }
  std::uint64_t executed() const { return executed_; }

  sim::EventHandle schedule(sim::Time at, sim::EventHandler& handler, std::uint64_t word,
                            sim::Priority priority = sim::Priority::normal) {
    if (free_.empty()) {
      free_.push_back(static_cast<std::uint32_t>(generations_.size()));
      generations_.push_back(0);
    }
    const sim::EventHandle handle{free_.back(), generations_[free_.back()]};
    free_.pop_back();
    queue_.push({at, next_sequence_++, &handler, word, handle, priority});
    return handle;
  }

  bool cancel(sim::EventHandle& handle) {
    if (generations_[handle.slot] != handle.generation) return false;
    release(handle);
    return true;
  }

  bool run_next() {
    while (!queue_.empty()) {
      const Event event = queue_.top();
      queue_.pop();
      if (generations_[event.handle.slot] != event.handle.generation) continue;
      release(event.handle);
      now_ = event.at;
      ++executed_;
      event.handler->on_event(event.word);
      return true;
    }
    return false;
  }

 private:
  struct Event {
    sim::Time at;
    std::uint64_t sequence;
    sim::EventHandler* handler;
    std::uint64_t word;
    sim::EventHandle handle;
    sim::Priority priority;
    bool operator>(const Event& other) const {
      return std::tie(at, priority, sequence) > std::tie(other.at, other.priority, other.sequence);
    }
  };
  void release(const sim::EventHandle& handle) {
    ++generations_[handle.slot];
    free_.push_back(handle.slot);
  }

  std::priority_queue<Event, std::vector<Event>, std::greater<>> queue_;
  std::vector<std::uint32_t> generations_, free_;
  std::uint64_t next_sequence_ = 0, executed_ = 0;
  sim::Time now_;
};

// Each of the pending events has a place. An event that runs schedules the next one of its place; 3 are cancelled and
// replaced for 7 that run. Delays are uniform, up to about 4 us.
template <class Queue>
class HoldModel final : private sim::EventHandler {
 public:
  void run() {
    for (std::size_t i = 0; i < kPending; ++i) schedule(i);
    while (queue_.executed() < kEvents) queue_.run_next();
  }

 private:
  void on_event(std::uint64_t place) override {
    schedule(place);
    if ((random() >> 33) % 7 >= 3) return;
    const std::size_t victim = (random() >> 33) % kPending;
    queue_.cancel(handles_[victim]);
    schedule(victim);
  }
  void schedule(std::size_t place) {
    const auto delay = sim::Duration::picoseconds(static_cast<std::int64_t>(random() >> 42) + 1);
    handles_[place] = queue_.schedule(queue_.now() + delay, *this, place);
  }
  // Knuth's MMIX generator: next to nothing beside what is measured.
  std::uint64_t random() { return random_ = random_ * 6364136223846793005u + 1442695040888963407u; }

  Queue queue_;
  std::array<sim::EventHandle, kPending> handles_;
  std::uint64_t random_ = 1;
};

template <class Queue>
double seconds() {
  double best = 1e9;
  for (int repetition = 0; repetition < 5; ++repetition) {
    HoldModel<Queue> model;
    const Stopwatch stopwatch;
    model.run();
    best = std::min(best, stopwatch.seconds());
  }
  return best;
}

}  // namespace

Benchmark bench_event_queue() {
  return {"event queue over std::priority_queue",
          seconds<StandardQueue>() / seconds<sim::EventQueue>(),
          "x",
          2,
          true,
          "over a std::priority_queue of the same event records that skips cancelled events when they come up"};
}

}  // namespace runner
