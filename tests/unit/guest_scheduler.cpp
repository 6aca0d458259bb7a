#include <doctest/doctest.h>

#include <memory>
#include <vector>

#include "workloads/kernel/address_space.h"
#include "workloads/kernel/process.h"
#include "workloads/kernel/scheduler.h"
#include "workloads/kernel/timer_list.h"
#include "workloads/kernel/wait_queue.h"

namespace {

using guest::Process;
using guest::Scheduler;

// Processes with full time slices, all asleep, on a kernel with idle processes in place.
struct Kernel {
  explicit Kernel(unsigned processors, int processes) : scheduler{processors} {
    for (unsigned i = 0; i < processors; ++i) {
      idle.push_back(std::make_unique<Process>(0, "idle"));
      scheduler.set_idle(i, *idle.back());
    }
    for (int i = 1; i <= processes; ++i) {
      made.push_back(std::make_unique<Process>(i, "p" + std::to_string(i)));
      made.back()->counter = Scheduler::slice_ticks(0);
      scheduler.add_process(*made.back());
    }
  }
  Process& operator[](int number) { return *made[number - 1]; }
  // And switches to it.
  Process& choose(unsigned processor = 0) {
    Process& previous = scheduler.current(processor);
    Process& next = *scheduler.choose(processor).next;
    if (&next != &previous) previous.on_processor = false;
    return next;
  }

  Scheduler scheduler;
  std::vector<std::unique_ptr<Process>> idle, made;
};

}  // namespace

TEST_CASE("a time slice is 6 ticks at nice 0, 1 at nice 19 and 11 at nice -20") {
  CHECK(Scheduler::slice_ticks(0) == 6);
  CHECK(Scheduler::slice_ticks(19) == 1);
  CHECK(Scheduler::slice_ticks(-20) == 11);
}

TEST_CASE("with nothing runnable the idle process runs") {
  Kernel kernel{1, 2};
  CHECK(&kernel.choose() == kernel.idle[0].get());
}

TEST_CASE("goodness is counter + 20 - nice, 15 more on the same processor, 1 more in the same address space") {
  Kernel kernel{2, 1};
  Process& p = kernel[1];
  p.space = std::make_shared<guest::AddressSpace>();
  guest::AddressSpace other;
  p.processor = 1;
  CHECK(kernel.scheduler.goodness(p, 0, &other) == 26);
  CHECK(kernel.scheduler.goodness(p, 1, &other) == 41);
  CHECK(kernel.scheduler.goodness(p, 1, &*p.space) == 42);
  p.nice = 5;
  CHECK(kernel.scheduler.goodness(p, 0, &other) == 21);
  p.counter = 0;
  CHECK(kernel.scheduler.goodness(p, 1, &*p.space) == 0);
}

TEST_CASE("waking on an idle processor asks that processor to reschedule") {
  Kernel kernel{1, 1};
  CHECK(kernel.scheduler.wake(kernel[1]) == 0u);
  CHECK(kernel.scheduler.need_reschedule(0));
  CHECK(&kernel.choose() == &kernel[1]);
  CHECK(!kernel.scheduler.need_reschedule(0));
}

TEST_CASE("a running process keeps the processor for its 6 ticks, then the other's turn comes") {
  Kernel kernel{1, 2};
  kernel.scheduler.wake(kernel[1]);
  CHECK(&kernel.choose() == &kernel[1]);
  kernel.scheduler.wake(kernel[2]);
  CHECK(!kernel.scheduler.need_reschedule(0));  // no better than who runs
  kernel.scheduler.tick(0, 5);
  CHECK(!kernel.scheduler.need_reschedule(0));
  kernel.scheduler.tick(0, 1);
  REQUIRE(kernel.scheduler.need_reschedule(0));
  CHECK(&kernel.choose() == &kernel[2]);
}

TEST_CASE("when all runnable ones are out of time everybody gets half of what is left plus a slice") {
  Kernel kernel{1, 3};
  kernel.scheduler.wake(kernel[1]);
  kernel.scheduler.wake(kernel[2]);
  kernel[1].counter = kernel[2].counter = 0;
  kernel[3].counter = 6;  // sleeps
  const Scheduler::Choice choice = kernel.scheduler.choose(0);
  CHECK(choice.recalculated == 3);
  CHECK(kernel[1].counter == 6);
  CHECK(kernel[2].counter == 6);
  CHECK(kernel[3].counter == 9);
  kernel[1].counter = kernel[2].counter = 0;
  kernel.choose();
  CHECK(kernel[3].counter == 10);
  for (int i = 0; i < 10; ++i) {
    kernel[1].counter = kernel[2].counter = 0;
    kernel.choose();
  }
  CHECK(kernel[3].counter == 11);  // where a sleeper saturates
}

TEST_CASE("a sleeper that has gathered time preempts who runs when it wakes") {
  Kernel kernel{1, 2};
  kernel.scheduler.wake(kernel[1]);
  kernel.choose();
  kernel[2].counter = 11;
  CHECK(kernel.scheduler.wake(kernel[2]) == 0u);
  CHECK(&kernel.choose() == &kernel[2]);
}

TEST_CASE("a late timer interrupt takes all the ticks that have passed, but no more than there are") {
  Kernel kernel{1, 1};
  kernel.scheduler.wake(kernel[1]);
  kernel.choose();
  kernel.scheduler.tick(0, 64);
  CHECK(kernel[1].counter == 0);
  CHECK(kernel.scheduler.need_reschedule(0));
}

TEST_CASE("a process that went to sleep leaves the run queue, one that woke before it left stays") {
  Kernel kernel{1, 1};
  kernel.scheduler.wake(kernel[1]);
  kernel.choose();
  kernel[1].state = Process::State::sleeping;
  kernel.scheduler.wake(kernel[1]);
  CHECK(&kernel.choose() == &kernel[1]);
  kernel[1].state = Process::State::sleeping;
  CHECK(&kernel.choose() == kernel.idle[0].get());
  CHECK(kernel.scheduler.runnable() == 0);
}

TEST_CASE("with two processors a process never runs on both, and a woken one prefers the idle one it ran on") {
  Kernel kernel{2, 2};
  kernel.scheduler.wake(kernel[1]);
  CHECK(&kernel.choose(0) == &kernel[1]);
  CHECK(&kernel.choose(1) == kernel.idle[1].get());
  kernel[2].processor = 1;
  CHECK(kernel.scheduler.wake(kernel[2]) == 1u);
  CHECK(&kernel.choose(1) == &kernel[2]);
  CHECK(&kernel.choose(0) == &kernel[1]);
}

TEST_CASE("a process whose processor has chosen another one, but has not saved its registers yet, runs nowhere else") {
  Kernel kernel{2, 2};
  kernel.scheduler.wake(kernel[1]);
  CHECK(&kernel.choose(0) == &kernel[1]);
  kernel[2].counter = 11;
  kernel.scheduler.wake(kernel[2]);
  CHECK(kernel.scheduler.choose(0).next == &kernel[2]);
  CHECK(&kernel.choose(1) == kernel.idle[1].get());
  kernel[1].on_processor = false;  // now it has
  CHECK(&kernel.choose(1) == &kernel[1]);
}

TEST_CASE("a wait queue wakes in the order of arrival") {
  guest::WaitQueue queue;
  Process a{1, "a"}, b{2, "b"}, c{3, "c"};
  queue.add(a);
  queue.add(b);
  queue.add(c);
  queue.remove(b);
  CHECK(queue.take_first() == &a);
  CHECK(queue.take_first() == &c);
  CHECK(queue.take_first() == nullptr);
}

TEST_CASE("timers come out when due, earliest first, equal ones in the order they were set") {
  guest::TimerList timers;
  Process a{1, "a"}, b{2, "b"}, c{3, "c"};
  CHECK(!timers.next());
  timers.add(20, a);
  timers.add(10, b);
  timers.add(20, c);
  CHECK(timers.next() == 10u);
  CHECK(timers.take_due(9) == nullptr);
  CHECK(timers.take_due(20) == &b);
  CHECK(timers.take_due(20) == &a);
  CHECK(timers.take_due(20) == &c);
  CHECK(timers.take_due(20) == nullptr);
}
