// Two domains under BVT on the fake machine: who has the CPU when one blocks, wakes, is preempted, or crashes.
#include <doctest/doctest.h>

#include "support/core_host.h"

using namespace test;

namespace {

constexpr SystemTime kMillisecond = 1'000'000;

// Domain 0 out of the way; two guests with handlers.
struct TwoDomains : CoreHost {
  Domain& first = add_domain();
  Domain& second = add_domain();
  u32 to_second = 0;  // first's port to second

  explicit TwoDomains(HostOptions options = {}) : CoreHost{options} {
    for (Domain* domain : {&first, &second}) {
      set_up_guest(*domain);
      take_events(*domain);
    }
    EventChannelOp op{};
    op.command = static_cast<u32>(EventChannelCommand::alloc_unbound);
    op.dom1 = first.id;
    REQUIRE(event_op(second, op) == 0);
    op.command = static_cast<u32>(EventChannelCommand::bind_interdomain);
    op.dom1 = kDomainSelf;
    op.dom2 = second.id;
    op.port2 = op.port1;
    op.port1 = 0;
    REQUIRE(event_op(first, op) == 0);
    to_second = op.port1;
    call(domain0(), Hypercall::sched_op, {static_cast<u32>(SchedOp::block)});
  }
  ~TwoDomains() { CHECK(audit(*core) == nullptr); }

  void block(Domain& domain) {
    give_cpu(domain);
    take_events(domain);
    call(domain, Hypercall::sched_op, {static_cast<u32>(SchedOp::block)});
  }
  SystemTime now() { return core->clock().now(); }
};

}  // namespace

TEST_CASE("two busy domains share the CPU evenly") {
  TwoDomains host;
  const SystemTime a = host.first.vcpus[0]->virtual_time(host.now()),
                   b = host.second.vcpus[0]->virtual_time(host.now());
  host.pass(2'000 * kMillisecond);
  const SystemTime ran_a = host.first.vcpus[0]->virtual_time(host.now()) - a;
  const SystemTime ran_b = host.second.vcpus[0]->virtual_time(host.now()) - b;
  CHECK(ran_a + ran_b == 2'000 * kMillisecond);
  CHECK(ran_a > 985 * kMillisecond);
  CHECK(ran_b > 985 * kMillisecond);
}

TEST_CASE("when one blocks the other has the CPU to itself; when both do, it is idle; an alarm brings one back") {
  TwoDomains host;
  host.block(host.second);
  CHECK(host.running() == &host.first);
  const SystemTime start = host.now();
  const SystemTime ran = host.first.vcpus[0]->virtual_time(start);
  host.pass(300 * kMillisecond);
  CHECK(host.first.vcpus[0]->virtual_time(host.now()) - ran == 300 * kMillisecond);
  host.give_cpu(host.first);
  const SystemTime alarm = host.now() + 70 * kMillisecond;
  host.call(host.first, Hypercall::set_timer_op, {0, static_cast<u32>(alarm)});
  host.block(host.first);
  CHECK(host.current().is_idle);
  CHECK(host.registers().eip == hw::kIdleLoop);
  host.pass(alarm - host.now() - 1);
  CHECK(host.current().is_idle);
  host.pass(1);
  CHECK(host.running() == &host.first);
  CHECK(host.registers().eip == CoreHost::kEventEntry);
}

TEST_CASE("an event to a domain that slept takes the CPU from one that has computed, within the allowance") {
  TwoDomains host;
  host.block(host.second);
  host.pass(100 * kMillisecond);
  REQUIRE(host.running() == &host.first);
  EventChannelOp op{};
  op.command = static_cast<u32>(EventChannelCommand::send);
  op.port1 = host.to_second;
  const SystemTime sent = host.now();
  REQUIRE(host.event_op(host.first, op) == 0);
  while (host.running() != &host.second) host.pass(10'000);
  CHECK(host.now() - sent <= 5 * kMillisecond);
  CHECK(host.registers().eip == CoreHost::kEventEntry);
  CHECK(host.first.vcpus[0]->state == RunState::runnable);
}

TEST_CASE("a crash of one leaves the other running, with its memory untouched and its time its own") {
  TwoDomains host{{.tick = 0}};
  host.give_cpu(host.first);
  host.take_events(host.second);
  const std::uint64_t memory = host.digest(host.second);
  const u32 stack = host.second.vcpus[0]->registers.esp;
  u32 below[3];
  for (u32 i = 0; i < 3; ++i) below[i] = host.word(host.second, stack - 12 + 4 * i);

  host.first.traps.entries[6].address = 0;
  host.exception(hw::kVectorInvalidOpcode);
  CHECK(host.first.crashed);
  CHECK(host.running() == &host.second);
  CHECK(host.registers().eip == CoreHost::kEventEntry);  // it was switched in
  CHECK(host.registers().esp == stack - 12);
  // That put three words on its stack and changed nothing else.
  for (u32 i = 0; i < 3; ++i) host.set_word(host.second, stack - 12 + 4 * i, below[i]);
  CHECK(host.digest(host.second) == memory);
  const SystemTime ran = host.second.vcpus[0]->virtual_time(host.now());
  host.pass(500 * kMillisecond);
  CHECK(host.second.vcpus[0]->virtual_time(host.now()) - ran == 500 * kMillisecond);
  CHECK(host.call(host.second, Hypercall::xen_version) == 2 << 16);
}

TEST_CASE("two CPUs run two domains at once, and conservation of time holds for both") {
  TwoDomains host{{.cpus = 2}};
  host.pass(400 * kMillisecond);
  CHECK(host.current(0).is_idle + host.current(1).is_idle <= 1);
  const SystemTime start = host.now();
  SystemTime idle = 0;
  for (const CpuId cpu : {0u, 1u}) idle -= host.core->run_states().cpu_time(host.core->run_states().idle(cpu), start);
  const SystemTime ran = host.first.vcpus[0]->virtual_time(start) + host.second.vcpus[0]->virtual_time(start);
  host.pass(400 * kMillisecond);
  for (const CpuId cpu : {0u, 1u})
    idle += host.core->run_states().cpu_time(host.core->run_states().idle(cpu), host.now());
  const SystemTime ran_on =
      host.first.vcpus[0]->virtual_time(host.now()) + host.second.vcpus[0]->virtual_time(host.now()) - ran;
  CHECK(ran_on + idle == 800 * kMillisecond);
}
