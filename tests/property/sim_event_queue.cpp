// The event queue against a naive model: a sorted set of (time, priority, sequence). Random schedules, cancels, stale
// cancels and runs; distances from nothing to hours, many ties.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "sim/event_queue.h"
#include "sim/random.h"

using namespace sim;

namespace {

class Model {
 public:
  using Key = std::tuple<Time, Priority, std::uint64_t>;

  std::uint64_t schedule(Time t, Priority priority) {
    const std::uint64_t id = next_id_++;
    order_.insert({t, priority, id});
    keys_[id] = {t, priority, id};
    return id;
  }
  bool cancel(std::uint64_t id) {
    const auto found = keys_.find(id);
    if (found == keys_.end()) return false;
    order_.erase(found->second);
    keys_.erase(found);
    return true;
  }
  bool pending(std::uint64_t id) const { return keys_.count(id) != 0; }
  Time next_time() const { return order_.empty() ? Time::never() : std::get<0>(*order_.begin()); }
  std::uint64_t take() {
    const std::uint64_t id = std::get<2>(*order_.begin());
    order_.erase(order_.begin());
    keys_.erase(id);
    return id;
  }
  std::size_t size() const { return order_.size(); }

 private:
  std::uint64_t next_id_ = 0;
  std::set<Key> order_;
  std::map<std::uint64_t, Key> keys_;
};

class Comparison final : EventHandler {
 public:
  Comparison(std::uint64_t seed, std::uint64_t grain, unsigned most_bits)
      : random_{Random{seed}.stream("operations")}, grain_{grain}, most_bits_{most_bits} {}

  void run(int operations) {
    for (int i = 0; i < operations; ++i) {
      operate();
      REQUIRE(queue_.size() == model_.size());
      // Not always: asking must not be what keeps the order right.
      if (random_.chance(1, 4)) REQUIRE(queue_.next_time() == model_.next_time());
    }
    while (queue_.run_next()) {
    }
    REQUIRE(model_.size() == 0);
  }
  std::uint64_t ran = 0, cancelled = 0;

 private:
  void operate() {
    switch (random_.below(8)) {
      case 0:
      case 1:
      case 2:
      case 3:
        schedule();
        break;
      case 4:
        cancel();
        break;
      case 5: {
        const Time until = queue_.now() + distance() / 64;
        const bool empty = model_.next_time() > until;
        const std::uint64_t before = ran;
        queue_.run_until(until);
        REQUIRE(queue_.now() == until);
        REQUIRE((ran == before) == empty);
        REQUIRE(model_.next_time() > until);
        break;
      }
      default: {
        const bool some = model_.size() != 0;
        REQUIRE(queue_.run_next() == some);
        break;
      }
    }
  }

  Duration distance() {
    const std::uint64_t steps = random_.below(std::uint64_t{1} << random_.below(most_bits_));
    return Duration::picoseconds(static_cast<std::int64_t>(steps * grain_));
  }

  void schedule() {
    const Time t = queue_.now() + distance();
    const auto priority = static_cast<Priority>(random_.below(3));
    const std::uint64_t id = model_.schedule(t, priority);
    handles_.push_back(queue_.schedule(t, *this, id, priority));
    REQUIRE(handles_.size() == id + 1);
  }

  void cancel() {
    if (handles_.empty()) return;
    // Mostly recent ones, so that a good part is still pending.
    const std::uint64_t back = random_.below(std::min<std::uint64_t>(handles_.size(), 64));
    const std::uint64_t id = handles_.size() - 1 - back;
    EventHandle handle = handles_[id];
    REQUIRE(queue_.pending(handle) == model_.pending(id));
    const bool was_pending = model_.cancel(id);
    REQUIRE(queue_.cancel(handle) == was_pending);
    cancelled += was_pending;
  }

  void on_event(std::uint64_t id) override {
    REQUIRE(queue_.now() == model_.next_time());
    REQUIRE(model_.take() == id);
    ++ran;
    if (random_.chance(1, 2)) schedule();
    if (random_.chance(1, 4)) cancel();
  }

  EventQueue queue_;
  Model model_;
  RandomStream random_;
  std::uint64_t grain_;
  unsigned most_bits_;
  std::vector<EventHandle> handles_;  // by id
};

}  // namespace

TEST_CASE("the queue runs what a sorted set would, in the same order, under random schedules and cancels") {
  struct Regime {
    std::uint64_t grain;
    unsigned most_bits;
    std::string name;
  };
  for (const Regime& regime : {Regime{1, 4, "many ties"}, Regime{1, 40, "all scales"}, Regime{1'000'000'000, 12, "ms"},
                               Regime{417, 20, "cycles"}, Regime{64 * 64 * 64, 8, "whole digits"}}) {
    CAPTURE(regime.name);
    std::uint64_t ran = 0, cancelled = 0;
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      CAPTURE(seed);
      Comparison comparison{seed, regime.grain, regime.most_bits};
      comparison.run(5'000);
      ran += comparison.ran;
      cancelled += comparison.cancelled;
    }
    MESSAGE(regime.name << ": " << ran << " events ran, " << cancelled << " were cancelled");
    CHECK(ran > 20'000);
    CHECK(cancelled > 2'000);
  }
}
