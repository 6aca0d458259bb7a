// The event queue's contract, case by case; property/sim_event_queue runs it against a naive model.
#include <doctest/doctest.h>

#include <functional>
#include <initializer_list>
#include <stdexcept>
#include <vector>

#include "sim/event_queue.h"

using namespace sim;

namespace {

constexpr Time at(std::int64_t ps) { return Time::at(Duration::picoseconds(ps)); }

struct Recorder final : EventHandler {
  void on_event(std::uint64_t word) override {
    words.push_back(word);
    if (then) then(word);
  }
  std::vector<std::uint64_t> words;
  std::function<void(std::uint64_t)> then;
};

using Words = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("events run in order of time, and now() is the time of the one that runs") {
  EventQueue queue;
  Recorder recorder;
  std::vector<Time> times;
  recorder.then = [&](std::uint64_t) { times.push_back(queue.now()); };
  for (const std::int64_t t : std::initializer_list<std::int64_t>{500, 3, 70'000'000'000, 64, 0, 4'095})
    queue.schedule(at(t), recorder, t);
  CHECK(queue.next_time() == at(0));
  while (queue.run_next()) {
  }
  CHECK(recorder.words == Words{0, 3, 64, 500, 4'095, 70'000'000'000});
  CHECK(times == std::vector{at(0), at(3), at(64), at(500), at(4'095), at(70'000'000'000)});
  CHECK(queue.next_time() == Time::never());
  CHECK(queue.executed() == 6);
}

TEST_CASE("at one instant priority decides, then the order of scheduling") {
  EventQueue queue;
  Recorder recorder;
  queue.schedule(at(9), recorder, 5, Priority::last);
  queue.schedule(at(9), recorder, 3);
  queue.schedule(at(9), recorder, 1, Priority::first);
  queue.schedule(at(9), recorder, 4);
  queue.schedule(at(9), recorder, 2, Priority::first);
  queue.schedule(at(9), recorder, 6, Priority::last);
  queue.run_until(at(9));
  CHECK(recorder.words == Words{1, 2, 3, 4, 5, 6});
}

TEST_CASE("an event may schedule others for its own instant; a later priority waits for them") {
  EventQueue queue;
  Recorder recorder;
  recorder.then = [&](std::uint64_t word) {
    if (word == 1) {
      queue.schedule(queue.now(), recorder, 3);
      queue.schedule(queue.now(), recorder, 2, Priority::first);
    }
  };
  queue.schedule(at(7), recorder, 4, Priority::last);
  queue.schedule(at(7), recorder, 1);
  queue.run_until(at(7));
  CHECK(recorder.words == Words{1, 2, 3, 4});
}

TEST_CASE("a cancelled event does not run, and its handle is reset") {
  EventQueue queue;
  Recorder recorder;
  EventHandle first = queue.schedule(at(1), recorder, 1);
  const EventHandle copy = first;
  queue.schedule(at(2), recorder, 2);
  CHECK(queue.size() == 2);
  CHECK(queue.next_time() == at(1));
  CHECK(queue.cancel(first));
  CHECK(queue.next_time() == at(2));
  CHECK(queue.size() == 1);
  CHECK_FALSE(queue.pending(first));
  CHECK_FALSE(queue.pending(copy));
  CHECK_FALSE(queue.cancel(first));
  queue.run_until(at(5));
  CHECK(recorder.words == Words{2});
}

TEST_CASE("a stale handle stays stale when its slot is used again") {
  EventQueue queue;
  Recorder recorder;
  EventHandle ran = queue.schedule(at(1), recorder, 1);
  queue.run_until(at(1));
  EventHandle reused = queue.schedule(at(2), recorder, 2);
  REQUIRE(ran.slot == reused.slot);
  CHECK_FALSE(queue.pending(ran));
  CHECK_FALSE(queue.cancel(ran));
  CHECK(queue.pending(reused));
  CHECK_FALSE(queue.pending(EventHandle{}));
}

TEST_CASE("an event that runs is no longer pending, and may schedule itself again") {
  EventQueue queue;
  Recorder recorder;
  EventHandle handle;
  recorder.then = [&](std::uint64_t word) {
    CHECK_FALSE(queue.pending(handle));
    if (word < 3) handle = queue.schedule(queue.now() + Duration::nanoseconds(1), recorder, word + 1);
  };
  handle = queue.schedule(at(0), recorder, 1);
  queue.run_until(at(10'000));
  CHECK(recorder.words == Words{1, 2, 3});
}

TEST_CASE("run_until() stops after the given instant and leaves now() there") {
  EventQueue queue;
  Recorder recorder;
  for (const std::int64_t t : std::initializer_list<std::int64_t>{10, 20, 21, 100}) queue.schedule(at(t), recorder, t);
  queue.run_until(at(20));
  CHECK(recorder.words == Words{10, 20});
  CHECK(queue.now() == at(20));
  queue.run_until(at(70));  // nothing but the 21: now() moves beyond the last event
  CHECK(queue.now() == at(70));
  queue.schedule(at(70), recorder, 70);
  queue.schedule(at(90), recorder, 90);
  queue.run_until(at(100));
  CHECK(recorder.words == Words{10, 20, 21, 70, 90, 100});
}

TEST_CASE("an earlier event scheduled after next_time() was asked runs first") {
  EventQueue queue;
  Recorder recorder;
  queue.schedule(at(1'000'000), recorder, 2);
  CHECK(queue.next_time() == at(1'000'000));
  queue.schedule(at(5), recorder, 1);
  CHECK(queue.next_time() == at(5));
  queue.run_until(at(1'000'000));
  CHECK(recorder.words == Words{1, 2});
}

TEST_CASE("the past and never() are refused") {
  EventQueue queue;
  Recorder recorder;
  queue.run_until(at(50));
  CHECK_THROWS_AS(queue.schedule(at(49), recorder, 0), std::logic_error);
  CHECK_THROWS_AS(queue.schedule(Time::never(), recorder, 0), std::logic_error);
  CHECK(queue.size() == 0);
  queue.schedule(at(50), recorder, 1);
  CHECK(queue.size() == 1);
}

TEST_CASE("the latest representable instant is an instant like others") {
  EventQueue queue;
  Recorder recorder;
  const Time last = Time::never() - Duration::picoseconds(1);
  queue.schedule(last, recorder, 2);
  queue.schedule(at(0), recorder, 1);
  queue.run_until(last);
  CHECK(recorder.words == Words{1, 2});
}
