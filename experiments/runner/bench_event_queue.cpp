#include <algorithm>
#include <array>
#include <chrono>
#include <queue>
#include <vector>

#include "experiments/runner/bench.h"
#include "sim/event_queue.h"

namespace runner {

namespace {

constexpr std::size_t kPending = 1000;
constexpr std::uint64_t kEvents = 2'000'000;
constexpr std::uint32_t kCancelledInTen = 3;

// The same delays and cancellations for both queues. A linear congruential generator (Knuth's MMIX) costs next to
// nothing beside what is measured.
class Load {
 public:
  // Between 1 and about 4 million ps.
  sim::Duration delay() { return sim::Duration::picoseconds(static_cast<std::int64_t>(next() >> 42) + 1); }
  bool cancel() { return (next() >> 33) % 10 < kCancelledInTen; }
  std::size_t victim() { return (next() >> 33) % kPending; }

 private:
  std::uint64_t next() { return state_ = state_ * 6364136223846793005u + 1442695040888963407u; }
  std::uint64_t state_ = 1;
};

// Each pending event has a place; a place whose event ran or was cancelled gets a new one.
class OurQueue final : private sim::EventHandler {
 public:
  void run() {
    for (std::size_t i = 0; i < kPending; ++i) schedule(i);
    while (queue_.executed() < kEvents) queue_.run_next();
  }

 private:
  void on_event(std::uint64_t place) override {
    schedule(place);
    if (!load_.cancel()) return;
    const std::size_t victim = load_.victim();
    queue_.cancel(handles_[victim]);
    schedule(victim);
  }
  void schedule(std::size_t place) { handles_[place] = queue_.schedule(queue_.now() + load_.delay(), *this, place); }

  sim::EventQueue queue_;
  std::array<sim::EventHandle, kPending> handles_;
  Load load_;
};

// What one would write without a queue of one's own: the standard heap, and cancelled events skipped when they come up.
class StandardQueue {
 public:
  void run() {
    for (std::size_t i = 0; i < kPending; ++i) schedule(i);
    for (std::uint64_t executed = 0; executed < kEvents;) {
      const Event event = queue_.top();
      queue_.pop();
      if (current_[event.place] != event.sequence) continue;
      now_ = event.at;
      ++executed;
      schedule(event.place);
      if (load_.cancel()) schedule(load_.victim());
    }
  }

 private:
  struct Event {
    sim::Time at;
    std::uint64_t sequence;
    std::size_t place;
    bool operator>(const Event& other) const { return at != other.at ? at > other.at : sequence > other.sequence; }
  };
  void schedule(std::size_t place) {
    current_[place] = ++sequence_;
    queue_.push({now_ + load_.delay(), sequence_, place});
  }

  std::priority_queue<Event, std::vector<Event>, std::greater<>> queue_;
  std::array<std::uint64_t, kPending> current_{};  // sequence number of the event that holds a place
  std::uint64_t sequence_ = 0;
  sim::Time now_;
  Load load_;
};

template <class Queue>
double seconds() {
  double best = 1e9;
  for (int repetition = 0; repetition < 5; ++repetition) {
    Queue queue;
    const auto start = std::chrono::steady_clock::now();
    queue.run();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

}  // namespace

Benchmark bench_event_queue() {
  return {"event queue over std::priority_queue", seconds<StandardQueue>() / seconds<OurQueue>(), "x", 2, true};
}

}  // namespace runner
