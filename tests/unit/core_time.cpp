// Time as guests see it: the exact clock, the shared record and its version protocol, ticker, alarms.
#include <doctest/doctest.h>

#include "support/core_host.h"

using namespace test;

namespace {

constexpr s32 kEinval = -22;
__extension__ using Wide = unsigned __int128;

SharedTime shared_time(CoreHost& host, const Domain& domain) {
  SharedTime record;
  u32 words[sizeof record / 4];
  for (u32 i = 0; i < sizeof record / 4; ++i)
    words[i] = host.shared(domain, static_cast<u32>(offsetof(SharedInfo, time)) + 4 * i);
  __builtin_memcpy(&record, words, sizeof record);
  return record;
}

u64 joined(u32 low, u32 high) { return u64{high} << 32 | low; }

constexpr SystemTime kMillisecond = 1'000'000;

s32 set_alarm(CoreHost& host, Domain& domain, SystemTime time, Hypercall number = Hypercall::set_timer_op) {
  return host.call(domain, number, {static_cast<u32>(static_cast<u64>(time) >> 32), static_cast<u32>(time)});
}

// Domain 0 alone on the CPU, with a handler and VIRQ timer.
struct TimeHost : CoreHost {
  u32 timer_port = 0;
  explicit TimeHost(HostOptions options = {}) : CoreHost{options} {
    set_up_guest(domain0());
    timer_port = bind_virq(domain0(), Virq::timer);
    take_events(domain0());
  }
  SystemTime now() { return core->clock().now(); }
  bool timer_event() {
    const bool came = pending(domain0(), timer_port);
    take_events(domain0());
    return came;
  }
};

}  // namespace

TEST_CASE("the clock is floor(cycles * 10^9 / frequency), exactly, for months") {
  for (const u64 frequency :
       {u64{2'392'000'000}, u64{2'399'987'411}, u64{1'000'000'000}, u64{999'999'937}, u64{3'800'000'001}}) {
    const SystemClock clock{frequency, 5000};
    u64 state = 88172645463325252u;
    for (int i = 0; i < 200'000; ++i) {
      state ^= state << 13, state ^= state >> 7, state ^= state << 17;
      const u64 cycles = state % (frequency * 8'640'000);  // 100 days
      const auto exact = static_cast<SystemTime>(Wide{cycles} * 1'000'000'000 / frequency);
      REQUIRE(clock.at(5000 + cycles) == exact);
      const u64 first = clock.cycles_at(exact);
      REQUIRE(clock.at(first) >= exact);
      REQUIRE((first == 5000 || clock.at(first - 1) < exact));
    }
    CHECK(clock.at(100) == 0);
    CHECK(clock.cycles_at(kNever) == hw::kTimerOff);
    CHECK(clock.cycles_at(-5) == 5000);
  }
}

TEST_CASE("a refresh increments version1, writes, increments version2: both agree afterwards") {
  TimeHost host;
  const SharedTime before = shared_time(host, host.domain0());
  CHECK(before.version1 == before.version2);
  host.pass(10 * kMillisecond);
  const SharedTime after = shared_time(host, host.domain0());
  CHECK(after.version1 == after.version2);
  CHECK(after.version1 == before.version1 + 1);
}

TEST_CASE("the record has the stamp, system time and wall clock of one instant") {
  TimeHost host;
  host.pass(1'234'567'890);
  const SharedTime record = shared_time(host, host.domain0());
  CHECK(joined(record.tsc_low, record.tsc_high) == 1'230'000'000);  // the last tick
  CHECK(joined(record.system_time_low, record.system_time_high) == 1'230'000'000);
  CHECK(joined(record.virtual_time_low, record.virtual_time_high) == 1'230'000'000);  // alone since boot
  CHECK(joined(record.cycles_per_second_low, record.cycles_per_second_high) == 1'000'000'000);
  CHECK(record.wall_seconds == 1'066'000'001);
  CHECK(record.wall_microseconds == 230'000);
}

TEST_CASE("settime sets the wall clock as of the system time it names") {
  TimeHost host;
  host.pass(15 * kMillisecond);
  ControlOp op{.command = static_cast<u32>(ControlCommand::settime), .version = kControlVersion};
  op.words[0] = 2'000'000'000;
  op.words[1] = 999'000;
  op.words[2] = 10 * kMillisecond;
  REQUIRE(host.control(op) == 0);
  host.pass(5 * kMillisecond);
  const SharedTime record = shared_time(host, host.domain0());  // of 20 ms, 10 ms after
  CHECK(record.wall_seconds == 2'000'000'001);
  CHECK(record.wall_microseconds == 9'000);
  op.words[1] = 1'000'000;
  CHECK(host.control(op) == kEinval);
  op.words[1] = 0;
  op.words[2] = 1'000 * kMillisecond;  // not past
  CHECK(host.control(op) == kEinval);
  op.words[3] = 0x80000000;
  CHECK(host.control(op) == kEinval);
}

TEST_CASE("the running vCPU gets a timer event each 10 ms on the grid from boot") {
  TimeHost host;
  host.pass(9'999'999);
  CHECK_FALSE(host.timer_event());
  host.pass(1);
  CHECK(host.timer_event());
  host.pass(10 * kMillisecond - 1);
  CHECK_FALSE(host.timer_event());
  host.pass(1);
  CHECK(host.timer_event());
}

TEST_CASE("a tick taken late does not move the grid, and missed ticks are one event") {
  TimeHost host;
  host.machine.advance(33 * kMillisecond);
  host.interrupt(hw::kTimerLine);
  CHECK(host.timer_event());
  CHECK(host.machine.cpu(0).timer == 40 * kMillisecond);
}

TEST_CASE("a tick of 0 turns the ticker off") {
  TimeHost host{{.tick = 0}};
  host.pass(100 * kMillisecond);
  CHECK_FALSE(host.timer_event());
}

TEST_CASE("a domain gets a timer event and a fresh record when it is switched in") {
  TimeHost host{{.tick = 0}};
  Domain& guest = host.add_domain();
  host.set_up_guest(guest);
  const u32 port = host.bind_virq(guest, Virq::timer);
  host.take_events(guest);
  host.give_cpu(host.domain0());
  CHECK_FALSE(host.pending(guest, port));
  host.give_cpu(guest);
  CHECK(host.pending(guest, port));
  const SharedTime record = shared_time(host, guest);
  CHECK(static_cast<SystemTime>(joined(record.system_time_low, record.system_time_high)) == host.now());
}

TEST_CASE("virtual time counts only while the vCPU runs") {
  TimeHost host;
  Domain& guest = host.add_domain();
  host.give_cpu(guest);
  const SystemTime start = guest.vcpus[0]->virtual_time(host.now());
  const SystemTime zero = host.domain0().vcpus[0]->virtual_time(host.now());
  const SystemTime now = host.now();
  host.pass(200 * kMillisecond);
  const SystemTime ran = guest.vcpus[0]->virtual_time(host.now()) - start;
  const SystemTime others = host.domain0().vcpus[0]->virtual_time(host.now()) - zero;
  CHECK(ran + others == host.now() - now);
  CHECK(ran > 80 * kMillisecond);
  CHECK(ran < 120 * kMillisecond);
}

TEST_CASE("a real alarm goes off at its nanosecond, once, and wakes a blocked vCPU") {
  TimeHost host{{.tick = 0}};
  host.pass(kMillisecond);
  REQUIRE(set_alarm(host, host.domain0(), 3'000'001) == 0);
  host.call(host.domain0(), Hypercall::sched_op, {static_cast<u32>(SchedOp::block)});
  REQUIRE(host.current().is_idle);
  host.pass(2'000'000);
  CHECK(host.current().is_idle);
  host.pass(1);
  CHECK(host.running() == &host.domain0());
  CHECK(host.timer_event());
  host.pass(100 * kMillisecond);
  CHECK_FALSE(host.timer_event());
}

TEST_CASE("setting an alarm replaces the one before, 0 cancels, one already past goes off at once") {
  TimeHost host{{.tick = 0}};
  host.pass(10 * kMillisecond);
  set_alarm(host, host.domain0(), 12 * kMillisecond);
  set_alarm(host, host.domain0(), 14 * kMillisecond);
  host.pass(3 * kMillisecond);
  CHECK_FALSE(host.timer_event());
  host.pass(kMillisecond);
  CHECK(host.timer_event());
  set_alarm(host, host.domain0(), 20 * kMillisecond);
  set_alarm(host, host.domain0(), 0);
  host.pass(50 * kMillisecond);
  CHECK_FALSE(host.timer_event());
  for (const SystemTime past : {SystemTime{1}, SystemTime{-1}, INT64_MIN}) {
    set_alarm(host, host.domain0(), past);
    CHECK(host.timer_event());
  }
}

TEST_CASE("with a slop of 50 us an alarm may go off that much early, with any interrupt of the timer") {
  TimeHost host{{.tick = 0, .timer_slop = 50'000}};
  set_alarm(host, host.domain0(), 10 * kMillisecond);
  host.machine.advance(10 * kMillisecond - 50'001 - host.machine.cpu(0).cycles);
  host.interrupt(hw::kTimerLine);
  CHECK_FALSE(host.timer_event());
  host.machine.advance(1);
  host.interrupt(hw::kTimerLine);
  CHECK(host.timer_event());
}

TEST_CASE("a virtual alarm waits for the vCPU's own time") {
  TimeHost host{{.tick = 0}};
  Domain& guest = host.add_domain();
  host.set_up_guest(guest);
  const u32 port = host.bind_virq(guest, Virq::virtual_timer);
  host.give_cpu(guest);
  const SystemTime due = guest.vcpus[0]->virtual_time(host.now()) + 40 * kMillisecond;
  set_alarm(host, guest, due, Hypercall::set_virtual_timer_op);
  while (!host.pending(guest, port)) {
    host.pass(100'000);
    REQUIRE(host.now() < 1'000 * kMillisecond);
  }
  const SystemTime late = guest.vcpus[0]->virtual_time(host.now()) - due;
  CHECK(late >= 0);
  CHECK(late < 100'000);
  CHECK(host.domain0().vcpus[0]->virtual_time(host.now()) > 30 * kMillisecond);  // which ran half of that time
}

TEST_CASE("a thousand alarms go off in order of their times") {
  Arena arena;
  std::vector<unsigned char> room(64 * 1024);
  arena = Arena{room.data(), room.size()};
  AlarmQueue queue{arena, 1000};
  std::vector<Vcpu> vcpus(1000);
  Domain domain;
  domain.id = 1;
  u32 random = 1;
  for (u32 i = 0; i < 1000; ++i) {
    random = random * 1664525 + 1013904223;
    vcpus[i].domain = &domain;
    vcpus[i].id = i;
    vcpus[i].alarm_real = random % 500;  // with many ties
    queue.insert(vcpus[i]);
  }
  for (u32 i = 0; i < 1000; i += 3) queue.remove(vcpus[i]);
  std::pair<SystemTime, u32> last{-1, 0};
  u32 count = 0;
  for (; queue.first() != nullptr; ++count) {
    Vcpu& first = *queue.first();
    CHECK(first.id % 3 != 0);
    CHECK(std::pair<SystemTime, u32>{first.alarm_real, first.id} > last);
    last = {first.alarm_real, first.id};
    queue.remove(first);
  }
  CHECK(count == 666);
}

TEST_CASE("the hardware timer is armed for the earliest of all, and only when that changes") {
  TimeHost host;
  const FakeCpu& cpu = host.machine.cpu(0);
  set_alarm(host, host.domain0(), 3 * kMillisecond);
  CHECK(cpu.timer == 3 * kMillisecond);
  const u32 arms = cpu.timer_arms;
  host.call(host.domain0(), Hypercall::xen_version);
  CHECK(cpu.timer_arms == arms);
  set_alarm(host, host.domain0(), 0);
  CHECK(cpu.timer > 3 * kMillisecond);
}

TEST_CASE("an idle CPU has no ticker") {
  TimeHost host;
  host.call(host.domain0(), Hypercall::sched_op, {static_cast<u32>(SchedOp::block)});
  REQUIRE(host.current().is_idle);
  const SharedTime before = shared_time(host, host.domain0());
  host.pass(100 * kMillisecond);
  CHECK(shared_time(host, host.domain0()).version1 == before.version1);
}

TEST_CASE("the way out of the core looks at the timers only if one moved, and runs them only if one is due") {
  HostOptions options;
  options.tick = 0;
  TimeHost host{options};
  FakeCpu& cpu = host.machine.cpu(0);
  host.call(host.domain0(), Hypercall::xen_version);
  const u64 exits = cpu.times(hw::Step::exit_work), runs = cpu.times(hw::Step::timer_run);
  const u32 arms = cpu.timer_arms;

  host.call(host.domain0(), Hypercall::xen_version);
  CHECK(cpu.times(hw::Step::exit_work) == exits);
  CHECK(cpu.timer_arms == arms);

  set_alarm(host, host.domain0(), host.now() + 1000);  // becomes the first, not due
  CHECK(cpu.times(hw::Step::exit_work) == exits + 1);
  CHECK(cpu.times(hw::Step::timer_run) == runs);
  CHECK(cpu.timer_arms == arms + 1);

  host.machine.advance(10);
  set_alarm(host, host.domain0(), 1);  // past
  CHECK(cpu.times(hw::Step::exit_work) == exits + 2);
  CHECK(cpu.times(hw::Step::timer_run) == runs + 1);
}

TEST_CASE("the clock says the same whatever it was asked before") {
  constexpr u64 kFrequency = 2'399'987'411, kBoot = 77;
  const SystemClock asked{kFrequency, kBoot};
  for (const u64 second : {u64{3}, u64{1}, u64{2}, u64{0}, u64{1'000'000}, u64{2}}) {
    for (const u64 rest : {kFrequency - 1, u64{0}, u64{1}}) {
      const u64 cycles = kBoot + second * kFrequency + rest;
      const SystemClock fresh{kFrequency, kBoot};
      CHECK(asked.at(cycles) == fresh.at(cycles));
      CHECK(asked.cycles_at(asked.at(cycles)) == fresh.cycles_at(fresh.at(cycles)));
    }
  }
}
