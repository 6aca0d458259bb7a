// The generic layer: states, pause counts, placement, timers, kicks and CPU time, whatever the policy.
#include "schedule/run_state.h"

#include <doctest/doctest.h>

#include "support/schedule_host.h"

using hv::RunState;
using test::kMillisecond, test::ScheduleHost;

TEST_CASE("a new vCPU is paused until it is started, and runs then") {
  ScheduleHost host{hv::kBvtPaper};
  hv::Vcpu vcpu;
  host.states.add(vcpu);
  CHECK(vcpu.state == RunState::paused);
  host.states.unpause(vcpu, 0);
  CHECK(vcpu.state == RunState::runnable);
  host.settle();
  CHECK(vcpu.state == RunState::running);
  CHECK(host.states.running(vcpu));
}

TEST_CASE("pauses are counted, and an event that comes meanwhile is not lost") {
  ScheduleHost host{hv::kBvtPaper};
  auto& vcpu = host.add();
  host.states.pause(vcpu, 0);
  host.states.pause(vcpu, 0);
  host.wake(vcpu);
  CHECK(vcpu.state == RunState::paused);
  host.states.unpause(vcpu, 0);
  CHECK(vcpu.state == RunState::paused);
  host.states.unpause(vcpu, 0);
  host.settle();
  CHECK(vcpu.state == RunState::running);
}

TEST_CASE("a vCPU paused while it waits for the CPU does not get it, and has its turn again once unpaused") {
  ScheduleHost host{hv::kBvtPaper};
  auto& waiting = host.add_hog();
  auto& other = host.add_hog();
  host.states.pause(host.states.running(waiting) ? other : waiting, 0);
  auto& paused = waiting.state == RunState::paused ? waiting : other;
  auto& running = &paused == &waiting ? other : waiting;
  host.run_until(100 * kMillisecond);
  CHECK(host.ran(paused) == 0);
  CHECK(host.ran(running) == 100 * kMillisecond);
  host.states.unpause(paused, host.now);
  host.settle();
  host.run_until(200 * kMillisecond);
  CHECK(host.ran(paused) > 40 * kMillisecond);
}

TEST_CASE("a running vCPU that is paused runs until its CPU, which is kicked, chooses") {
  ScheduleHost host{hv::kBvtPaper, 5 * kMillisecond, 2};
  auto& vcpu = host.add_hog(10, 1u << 1);
  host.states.pause(vcpu, kMillisecond);
  CHECK(host.states.running(vcpu));
  CHECK(host.states.take_kicks() == 1u << 1);
  CHECK(host.states.take_kicks() == 0);
  host.states.choose(1, kMillisecond);
  CHECK_FALSE(host.states.running(vcpu));
  CHECK(vcpu.state == RunState::paused);
}

TEST_CASE("an event between blocking and choosing keeps the vCPU running") {
  ScheduleHost host{hv::kBvtPaper};
  auto& vcpu = host.add_hog();
  host.states.block(vcpu, kMillisecond);
  host.states.wake(vcpu, kMillisecond);
  CHECK(host.states.reschedule_requested(0));
  CHECK(&host.states.choose(0, kMillisecond) == &vcpu);
  CHECK(vcpu.times_switched_in == 1);
}

TEST_CASE("vCPUs are placed round robin of those they may run on") {
  ScheduleHost host{hv::kBvtPaper, 5 * kMillisecond, 2};
  CHECK(host.add().cpu == 0);
  CHECK(host.add(10, 1u << 0).cpu == 0);
  CHECK(host.add().cpu == 1);
  CHECK(host.add().cpu == 0);
  CHECK(host.vcpus[1].affinity == 1u << 0);
}

TEST_CASE("a running vCPU pinned elsewhere goes there when its CPU chooses, a waiting one at once") {
  ScheduleHost host{hv::kBvtPaper, 5 * kMillisecond, 2};
  auto& running = host.add_hog(10, 1u << 0);
  auto& waiting = host.add(10, 1u << 0);
  host.states.wake(waiting, 0);
  host.states.pin(waiting, 1u << 1, 0);
  CHECK(waiting.cpu == 1);
  host.settle();
  CHECK(host.states.running(waiting));

  host.now = kMillisecond;
  host.states.pin(running, 1u << 1, host.now);
  CHECK(running.cpu == 0);
  host.settle();
  CHECK(running.cpu == 1);
  CHECK(&host.states.current(0) == &host.states.idle(0));
  host.states.block(waiting, host.now);
  host.settle();
  CHECK(&host.states.current(1) == &running);
}

TEST_CASE("a removed vCPU never runs again") {
  ScheduleHost host{hv::kBvtPaper};
  auto& gone = host.add_hog();
  auto& other = host.add_hog();
  host.states.pause(gone, 0);
  host.settle();
  host.states.remove(gone, 0);
  CHECK(gone.state == RunState::offline);
  host.run_until(1'000 * kMillisecond);
  CHECK(host.ran(gone) == 0);
  CHECK(host.ran(other) == 1'000 * kMillisecond);
}

TEST_CASE("a wake that shortens the slice of another CPU kicks it, so that it arms its timer again") {
  ScheduleHost host{hv::kBvtXen1, 5 * kMillisecond, 2};
  host.add_hog(10, 1u << 1);
  auto& sleeper = host.add(10, 1u << 1);
  CHECK(host.states.next_timer(1) == 50 * kMillisecond);
  host.states.wake(sleeper, kMillisecond);
  CHECK(host.states.take_kicks() == 1u << 1);
  CHECK_FALSE(host.states.reschedule_requested(1));
  CHECK(host.states.next_timer(1) == 5 * kMillisecond);
}

TEST_CASE("timers run in order of expiry, equal ones in the order they were armed") {
  hv::TimerQueue queue;
  hv::Timer a, b, c;
  queue.arm(a, 20);
  queue.arm(b, 10);
  queue.arm(c, 20);
  CHECK(queue.next_expiry() == 10);
  queue.arm(b, 20);  // armed again: last of equals
  for (hv::Timer* expected : {&a, &c, &b}) {
    CHECK(queue.first() == expected);
    queue.disarm(*expected);
  }
  CHECK(queue.next_expiry() == hv::kNever);
}

TEST_CASE("with a timer slop of 50 us a timer runs up to 50 us early, without one never") {
  for (const auto& [slop, runs] : {std::pair{50'000, 1u}, {49'999, 0u}, {0, 0u}}) {
    ScheduleHost host{hv::kBvtPaper, 5 * kMillisecond, 1, slop};
    host.add_hog();
    CHECK(host.states.run_timers(0, 50 * kMillisecond - 50'000) == runs);
    CHECK(host.states.reschedule_requested(0) == (runs == 1));
  }
}

TEST_CASE("CPU time of all vCPUs and idle time add up to the time that passed") {
  ScheduleHost host{hv::kBvtPaper};
  auto& a = host.add_hog();
  auto& b = host.add_hog(20);
  host.run_until(33 * kMillisecond);
  host.block(a.state == RunState::running ? a : b);
  host.run_until(40 * kMillisecond);
  host.block(a.state == RunState::running ? a : b);
  host.run_until(57 * kMillisecond);
  CHECK(host.ran(host.states.idle(0)) == 17 * kMillisecond);
  CHECK(host.ran(a) + host.ran(b) == 40 * kMillisecond);
}

TEST_CASE("a wait for the CPU starts at the wake or when the vCPU is preempted") {
  ScheduleHost host{hv::kBvtXen1};
  auto& sleeper = host.add();
  auto& hog = host.add_hog();
  host.run_until(2 * kMillisecond);
  host.wake(sleeper);
  host.run_until(5 * kMillisecond);
  CHECK(host.states.running(sleeper));
  CHECK(sleeper.run_since - sleeper.runnable_since == 3 * kMillisecond);
  CHECK(hog.runnable_since == 5 * kMillisecond);
}
