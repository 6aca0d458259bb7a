// Event channels: the order of setting a port pending, every operation and every error.
#include <doctest/doctest.h>

#include "support/core_host.h"

using namespace test;

namespace {

constexpr s32 kEperm = -1, kEsrch = -3, kEfault = -14, kEbusy = -16, kEinval = -22, kEnospc = -28, kEnosys = -38;
constexpr u32 kMask = offsetof(SharedInfo, ports_mask);
constexpr u32 kPending = offsetof(SharedInfo, ports_pending);

EventChannelOp operation(EventChannelCommand command, u32 dom1 = 0, u32 port1 = 0, u32 dom2 = 0, u32 port2 = 0) {
  EventChannelOp op{};
  op.command = static_cast<u32>(command);
  op.dom1 = dom1;
  op.port1 = port1;
  op.dom2 = dom2;
  op.port2 = port2;
  return op;
}

// Domain 0 and a guest, joined by a channel.
struct Pair {
  CoreHost host;
  Domain& zero = host.domain0();
  Domain& guest = host.add_domain();
  u32 port_zero = 0, port_guest = 0;

  Pair() {
    EventChannelOp op = operation(EventChannelCommand::alloc_unbound, zero.id);
    REQUIRE(host.event_op(guest, op) == 0);
    port_guest = op.port1;
    op = operation(EventChannelCommand::bind_interdomain, kDomainSelf, 0, guest.id, port_guest);
    REQUIRE(host.event_op(zero, op) == 0);
    port_zero = op.port1;
  }
  s32 send() {
    EventChannelOp op = operation(EventChannelCommand::send, 0, port_zero);
    return host.event_op(zero, op);
  }
  PortState state(Domain& domain, u32 port) {
    EventChannelOp op = operation(EventChannelCommand::status, kDomainSelf, port);
    REQUIRE(host.event_op(domain, op) == 0);
    return static_cast<PortState>(op.state);
  }
  ~Pair() { CHECK(audit(*host.core) == nullptr); }
};

}  // namespace

TEST_CASE("a sent event sets the pending bit, the selector bit and upcall_pending, in the peer only") {
  Pair pair;
  REQUIRE(pair.send() == 0);
  CHECK(pair.host.pending(pair.guest, pair.port_guest));
  CHECK(pair.host.shared(pair.guest, kSelector) == 1u << pair.port_guest / 32);
  CHECK(pair.host.shared(pair.guest, kUpcallPending) == 1);
  CHECK_FALSE(pair.host.pending(pair.zero, pair.port_zero));
}

TEST_CASE(
    "(a) an event to a pending port stops at the pending bit: selector and upcall_pending stay as the guest left "
    "them") {
  Pair pair;
  pair.send();
  pair.host.set_shared(pair.guest, kSelector, 0);
  pair.host.set_shared(pair.guest, kUpcallPending, 0);
  REQUIRE(pair.send() == 0);
  CHECK(pair.host.shared(pair.guest, kSelector) == 0);
  CHECK(pair.host.shared(pair.guest, kUpcallPending) == 0);
  CHECK(pair.guest.events.counts.merged == 1);
}

TEST_CASE("(b) an event to a masked port becomes pending and goes no further") {
  Pair pair;
  pair.host.set_shared(pair.guest, kMask, 1u << pair.port_guest);
  REQUIRE(pair.send() == 0);
  CHECK(pair.host.pending(pair.guest, pair.port_guest));
  CHECK(pair.host.shared(pair.guest, kSelector) == 0);
  CHECK(pair.host.shared(pair.guest, kUpcallPending) == 0);
}

TEST_CASE("(c) an event in a word whose selector bit is set does not raise upcall_pending again") {
  Pair pair;
  pair.host.set_shared(pair.guest, kSelector, 1);
  REQUIRE(pair.send() == 0);
  CHECK(pair.host.pending(pair.guest, pair.port_guest));
  CHECK(pair.host.shared(pair.guest, kUpcallPending) == 0);
}

TEST_CASE("(e) an unmasked event wakes a blocked domain, a masked one does not") {
  for (const bool masked : {false, true}) {
    Pair pair;
    if (masked) pair.host.set_shared(pair.guest, kMask, 1u << pair.port_guest);
    pair.host.call(pair.guest, Hypercall::sched_op, {static_cast<u32>(SchedOp::block)});
    REQUIRE(pair.guest.vcpus[0]->state == RunState::blocked);
    pair.send();
    CHECK((pair.guest.vcpus[0]->state == RunState::blocked) == masked);
  }
}

TEST_CASE("an event for a vCPU that runs on another CPU interrupts that CPU") {
  CoreHost host{{.cpus = 2}};
  Domain& guest = host.add_domain();
  ControlOp pin{.command = static_cast<u32>(ControlCommand::pin_cpu), .version = kControlVersion, .domain = guest.id};
  pin.words[1] = 1u << 1;
  REQUIRE(host.control(pin) == 0);
  host.give_cpu(guest);
  REQUIRE(host.running(1) == &guest);
  EventChannelOp op = operation(EventChannelCommand::alloc_unbound, 0);
  REQUIRE(host.event_op(guest, op) == 0);
  op = operation(EventChannelCommand::bind_interdomain, kDomainSelf, 0, guest.id, op.port1);
  REQUIRE(host.event_op(host.domain0(), op) == 0);
  host.set_up_guest(guest);
  host.take_events(guest);
  host.machine.cpu(0).ipis.clear();
  op = operation(EventChannelCommand::send, 0, op.port1);
  REQUIRE(host.event_op(host.domain0(), op) == 0);
  CHECK(host.machine.cpu(0).ipis == std::vector<CpuId>{1});
  host.deliver_ipis();
  CHECK(host.registers(1).eip == CoreHost::kEventEntry);
}

TEST_CASE("two vCPUs whose ports share a word of pending bits both get their upcall") {
  CoreHost host{{.cpus = 2, .domain0_vcpus = 2}};
  Domain& domain = host.domain0();
  Vcpu& first = *domain.vcpus[0];
  Vcpu& second = *domain.vcpus[1];
  host.set_up_guest(domain);
  // No hypercall starts a second vCPU: it begins as a copy of the first.
  second.registers = host.registers_of(first);
  second.event_cs = first.event_cs;
  second.event_eip = first.event_eip;
  second.directory = first.directory;
  REQUIRE(host.core->memory().take_directory(domain, second.directory));
  host.core->run_states().unpause(second, host.core->clock().now());
  host.interrupt(hw::kIpiLine, second.cpu);
  REQUIRE(host.core->run_states().running(second));
  REQUIRE(first.cpu != second.cpu);

  const u32 port_first = host.bind_virq(domain, Virq::debug);
  EventChannelOp bind = operation(EventChannelCommand::bind_virq);
  bind.number = static_cast<u32>(Virq::debug);
  host.put(domain, host.scratch(domain), bind);
  hw::Registers& frame = host.registers(second.cpu);
  frame.eax = static_cast<u32>(Hypercall::event_channel_op);
  frame.ebx = host.scratch(domain);
  host.core->hypercall(host.machine.cpu(second.cpu), frame);
  REQUIRE(frame.eax == 0);
  const u32 port_second = host.get<EventChannelOp>(domain, host.scratch(domain)).port1;
  REQUIRE(port_first != port_second);
  REQUIRE(port_first / 32 == port_second / 32);

  host.take_events(domain);
  for (Vcpu* vcpu : {&first, &second}) {
    host.registers(vcpu->cpu).eip = 0x1234;
    host.core->events().send_virq(*vcpu, Virq::debug);
  }
  for (Vcpu* vcpu : {&first, &second}) {
    host.interrupt(hw::kIpiLine, vcpu->cpu);
    CHECK(host.registers(vcpu->cpu).eip == CoreHost::kEventEntry);
    const u32 at = static_cast<u32>(offsetof(SharedInfo, vcpu) + vcpu->id * sizeof(SharedVcpu));
    CHECK(host.shared(domain, at + offsetof(SharedVcpu, pending_selector)) == 1u << port_first / 32);
  }
  CHECK(audit(*host.core) == nullptr);
}

TEST_CASE("an upcall masks further ones, and the next return without the mask delivers what waits") {
  Pair pair;
  pair.host.set_up_guest(pair.guest);
  pair.host.give_cpu(pair.guest);
  pair.host.take_events(pair.guest);
  const u64 upcalls = pair.guest.events.counts.upcalls;
  pair.send();
  pair.host.give_cpu(pair.guest);
  CHECK(pair.guest.events.counts.upcalls == upcalls + 1);
  CHECK(pair.host.registers().eip == CoreHost::kEventEntry);
  CHECK(pair.host.shared(pair.guest, kUpcallMask) == 1);
  // The handler has cleared nothing: no second upcall while it defers them, and one as soon as it does not.
  pair.host.registers().eip = 0x1234;
  pair.host.interrupt(hw::kIpiLine);
  CHECK(pair.host.registers().eip == 0x1234);
  pair.host.set_shared(pair.guest, kUpcallMask, 0);
  pair.host.interrupt(hw::kIpiLine);
  CHECK(pair.host.registers().eip == CoreHost::kEventEntry);
}

TEST_CASE("block clears the upcall mask, and does not block when an event waits") {
  Pair pair;
  pair.host.give_cpu(pair.guest);
  pair.host.set_shared(pair.guest, kUpcallMask, 1);
  pair.host.set_shared(pair.guest, kUpcallPending, 1);
  pair.host.call(pair.guest, Hypercall::sched_op, {static_cast<u32>(SchedOp::block)});
  CHECK(pair.host.shared(pair.guest, kUpcallMask) == 0);
  CHECK(pair.guest.vcpus[0]->state != RunState::blocked);
  pair.host.set_shared(pair.guest, kUpcallPending, 0);
  pair.host.call(pair.guest, Hypercall::sched_op, {static_cast<u32>(SchedOp::block)});
  CHECK(pair.guest.vcpus[0]->state == RunState::blocked);
}

TEST_CASE("every event is delivered, merged, dropped or pending") {
  Pair pair;
  pair.send();  // 1 delivered
  pair.host.set_shared(pair.guest, kPending, 0);
  pair.send();  // 2 dropped at the close below
  pair.send();  // 3 merged
  EventChannelOp op = operation(EventChannelCommand::close, kDomainSelf, pair.port_guest);
  REQUIRE(pair.host.event_op(pair.guest, op) == 0);
  const EventCounts& counts = pair.guest.events.counts;
  CHECK(counts.sent == 3);
  CHECK(counts.delivered == 1);
  CHECK(counts.merged == 1);
  CHECK(counts.dropped == 1);
  CHECK_FALSE(pair.host.pending(pair.guest, pair.port_guest));
}

TEST_CASE("port 0 is the misdirect VIRQ: never given out, never closed, not sent to") {
  Pair pair;
  CHECK(pair.state(pair.guest, 0) == PortState::virq);
  EventChannelOp op = operation(EventChannelCommand::close, kDomainSelf, 0);
  CHECK(pair.host.event_op(pair.guest, op) == kEinval);
  op = operation(EventChannelCommand::send, 0, 0);
  CHECK(pair.host.event_op(pair.guest, op) == kEinval);
  op = operation(EventChannelCommand::alloc_unbound, 0);
  CHECK(pair.host.event_op(pair.guest, op) == 0);
  CHECK(op.port1 == 2);  // 1 is the pair's
}

TEST_CASE("closing one end leaves the other unbound for the same domain, without an event") {
  Pair pair;
  EventChannelOp op = operation(EventChannelCommand::close, kDomainSelf, pair.port_guest);
  REQUIRE(pair.host.event_op(pair.guest, op) == 0);
  CHECK(pair.state(pair.guest, pair.port_guest) == PortState::closed);
  op = operation(EventChannelCommand::status, kDomainSelf, pair.port_zero);
  REQUIRE(pair.host.event_op(pair.zero, op) == 0);
  CHECK(op.state == static_cast<u32>(PortState::unbound));
  CHECK(op.dom2 == pair.guest.id);
  CHECK_FALSE(pair.host.pending(pair.zero, pair.port_zero));
  CHECK(pair.send() == kEinval);
}

TEST_CASE("bind_virq gives a port, the same one again, and refuses numbers there are none of") {
  Pair pair;
  EventChannelOp op = operation(EventChannelCommand::bind_virq);
  op.number = static_cast<u32>(Virq::debug);
  REQUIRE(pair.host.event_op(pair.guest, op) == 0);
  const u32 port = op.port1;
  REQUIRE(pair.host.event_op(pair.guest, op) == 0);
  CHECK(op.port1 == port);
  CHECK(pair.state(pair.guest, port) == PortState::virq);
  op.number = static_cast<u32>(Virq::count);
  CHECK(pair.host.event_op(pair.guest, op) == kEinval);
}

TEST_CASE("bind_pirq: the core's drivers have every line") {
  Pair pair;
  EventChannelOp op = operation(EventChannelCommand::bind_pirq);
  op.number = 16;
  CHECK(pair.host.event_op(pair.guest, op) == kEbusy);
  op.number = 64;
  CHECK(pair.host.event_op(pair.guest, op) == kEinval);
}

TEST_CASE("bind_interdomain: every refusal") {
  Pair pair;
  Domain& third = pair.host.add_domain();
  const auto bind = [&](Domain& by, u32 dom1, u32 port1, u32 dom2, u32 port2) {
    EventChannelOp op = operation(EventChannelCommand::bind_interdomain, dom1, port1, dom2, port2);
    return pair.host.event_op(by, op);
  };
  CHECK(bind(pair.guest, pair.guest.id, 0, 0, 0) == kEperm);          // unprivileged and not SELF
  CHECK(bind(pair.guest, kDomainSelf, 0x80000000, 0, 0) == kEinval);  // negative port
  CHECK(bind(pair.guest, kDomainSelf, 0, 0, 0xffffffff) == kEinval);
  CHECK(bind(pair.guest, kDomainSelf, 0, 7, 0) == kEsrch);  // no such domain
  CHECK(bind(pair.zero, 7, 0, 0, 0) == kEsrch);
  CHECK(bind(pair.guest, kDomainSelf, 1000, 0, 0) == kEinval);  // beyond what was ever used
  CHECK(bind(pair.guest, kDomainSelf, 0, 0, 1000) == kEinval);
  CHECK(bind(pair.guest, kDomainSelf, 0, 0, 0) == kEperm);                        // nobody offered a port
  CHECK(bind(third, kDomainSelf, 0, pair.guest.id, pair.port_guest) == kEinval);  // joined to domain 0
  CHECK(bind(pair.guest, kDomainSelf, pair.port_guest, third.id, 0) == kEinval);
  EventChannelOp offer = operation(EventChannelCommand::alloc_unbound, pair.zero.id);
  REQUIRE(pair.host.event_op(pair.guest, offer) == 0);
  CHECK(bind(third, kDomainSelf, 0, pair.guest.id, offer.port1) == kEinval);  // offered to domain 0
  CHECK(bind(third, kDomainSelf, 0, pair.guest.id, 0) == kEperm);
  CHECK(bind(third, kDomainSelf, 5, kDomainSelf, 5) == kEinval);  // a port with itself
}

TEST_CASE("bind_interdomain on a pair that is joined already answers with that pair") {
  Pair pair;
  EventChannelOp op = operation(EventChannelCommand::bind_interdomain, kDomainSelf, pair.port_zero, pair.guest.id, 0);
  REQUIRE(pair.host.event_op(pair.zero, op) == 0);
  CHECK(op.port2 == pair.port_guest);
  op = operation(EventChannelCommand::bind_interdomain, kDomainSelf, 0, pair.guest.id, pair.port_guest);
  REQUIRE(pair.host.event_op(pair.zero, op) == 0);
  CHECK(op.port1 == pair.port_zero);
  op = operation(EventChannelCommand::bind_interdomain, kDomainSelf, pair.port_zero, pair.guest.id, 9);
  CHECK(pair.host.event_op(pair.zero, op) == kEinval);
}

TEST_CASE("a domain may join two of its own ports") {
  Pair pair;
  EventChannelOp op = operation(EventChannelCommand::bind_interdomain, kDomainSelf, 0, kDomainSelf, 0);
  REQUIRE(pair.host.event_op(pair.guest, op) == 0);
  CHECK(op.port1 != op.port2);
  EventChannelOp send = operation(EventChannelCommand::send, 0, op.port1);
  REQUIRE(pair.host.event_op(pair.guest, send) == 0);
  CHECK(pair.host.pending(pair.guest, op.port2));
  CHECK_FALSE(pair.host.pending(pair.guest, op.port1));
}

TEST_CASE("a domain has 1023 ports to give, then -ENOSPC") {
  Pair pair;
  EventChannelOp op{};
  for (u32 port = 2; port < kMaxPorts; ++port) {
    op = operation(EventChannelCommand::alloc_unbound, 0);
    REQUIRE(pair.host.event_op(pair.zero, op) == 0);
    REQUIRE(op.port1 == port);
  }
  op = operation(EventChannelCommand::alloc_unbound, 0);
  CHECK(pair.host.event_op(pair.zero, op) == kEnospc);
}

TEST_CASE("close and status of another domain's port need privilege; ports that are none are -EINVAL") {
  Pair pair;
  for (const EventChannelCommand command : {EventChannelCommand::close, EventChannelCommand::status}) {
    EventChannelOp op = operation(command, pair.zero.id, pair.port_zero);
    CHECK(pair.host.event_op(pair.guest, op) == kEperm);
    op = operation(command, 7, 1);
    CHECK(pair.host.event_op(pair.zero, op) == kEsrch);
    op = operation(command, kDomainSelf, kMaxPorts);
    CHECK(pair.host.event_op(pair.zero, op) == kEinval);
  }
  EventChannelOp op = operation(EventChannelCommand::close, kDomainSelf, 20);
  CHECK(pair.host.event_op(pair.zero, op) == kEinval);
  op = operation(EventChannelCommand::close, pair.guest.id, pair.port_guest);
  CHECK(pair.host.event_op(pair.zero, op) == 0);
}

TEST_CASE("an unknown operation is -ENOSYS, unreadable arguments are -EFAULT") {
  Pair pair;
  EventChannelOp op = operation(static_cast<EventChannelCommand>(9));
  CHECK(pair.host.event_op(pair.guest, op) == kEnosys);
  CHECK(pair.host.call(pair.guest, Hypercall::event_channel_op, {0x1000}) == kEfault);
  CHECK(pair.host.call(pair.guest, Hypercall::event_channel_op, {0xfffffff0}) == kEfault);
}
