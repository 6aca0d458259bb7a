// Domains with several vCPUs: starting and stopping them, events between them, and which CPU takes interrupts.
#include <doctest/doctest.h>

#include "interface/vcpu.h"
#include "support/core_host.h"

using namespace test;

namespace {

constexpr s32 kEnoent = -2, kEfault = -14, kEexist = -17, kEinval = -22, kEnosys = -38;

// Domain 0 with two vCPUs, on two CPUs.
struct SmpHost : CoreHost {
  SmpHost() : CoreHost{{.cpus = 2, .domain0_vcpus = 2}} {}
  ~SmpHost() { CHECK(audit(*core) == nullptr); }

  s32 vcpu_op(u32 command, u32 id, u32 address = 0) {
    return call(domain0(), Hypercall::vcpu_op, {command, id, address});
  }
  s32 vcpu_op(VcpuOp command, u32 id, u32 address = 0) { return vcpu_op(static_cast<u32>(command), id, address); }
  s32 initialise(u32 id, const VcpuContext& context) {
    put(domain0(), scratch(domain0()), context);
    return vcpu_op(VcpuOp::initialise, id, scratch(domain0()));
  }
  VcpuContext context() { return {0xc0111000, 0xc0222000, domain0().vcpus[0]->directory.number(), 77}; }
  Vcpu& second() { return *domain0().vcpus[1]; }
  u32 of_second(u32 field) { return shared(domain0(), field + static_cast<u32>(sizeof(SharedVcpu))); }
  EventChannelOp operation(EventChannelCommand command, u32 number, u32 port = 0) {
    EventChannelOp op{};
    op.command = static_cast<u32>(command);
    op.port1 = port;
    op.number = number;
    return op;
  }
};

}  // namespace

TEST_CASE("a vCPU runs once it was given a context and told to; every refusal before changes nothing") {
  SmpHost host;
  CHECK(host.vcpu_op(VcpuOp::up, 2) == kEnoent);
  CHECK(host.vcpu_op(VcpuOp::is_up, ~0u) == kEnoent);
  CHECK(host.vcpu_op(99, 1) == kEnosys);
  CHECK(host.vcpu_op(VcpuOp::up, 1) == kEinval);  // where would it begin?
  CHECK(host.vcpu_op(VcpuOp::initialise, 1, kHypervisorStart) == kEfault);
  VcpuContext wrong = host.context();
  wrong.directory_frame = 0xfffff;
  CHECK(host.initialise(1, wrong) == kEinval);
  wrong.directory_frame = host.domain0().memory.frames.first;  // no page directory
  CHECK(host.initialise(1, wrong) == kEinval);
  wrong = host.context();
  wrong.entry_eip = kHypervisorStart;
  CHECK(host.initialise(1, wrong) == kEinval);
  wrong = host.context();
  wrong.entry_esp = kHypervisorStart + 4;
  CHECK(host.initialise(1, wrong) == kEinval);
  CHECK(host.initialise(0, host.context()) == kEexist);  // domain 0's builder did that
  host.pass(50'000'000);
  CHECK(host.second().cpu_time == 0);
  CHECK(host.vcpu_op(VcpuOp::is_up, 0) == 1);
  CHECK(host.vcpu_op(VcpuOp::is_up, 1) == 0);

  CHECK(host.initialise(1, host.context()) == 0);
  CHECK(host.initialise(1, host.context()) == kEexist);
  host.pass(50'000'000);
  CHECK(host.second().state == RunState::paused);
  CHECK(host.vcpu_op(VcpuOp::up, 1) == 0);
  CHECK(host.vcpu_op(VcpuOp::up, 1) == 0);
  host.pass(50'000'000);
  REQUIRE(host.second().state == RunState::running);
  const hw::Registers& registers = host.registers_of(host.second());
  CHECK(registers.eip == 0xc0111000);
  CHECK(registers.esp == 0xc0222000);
  CHECK(registers.esi == 77);
  CHECK(registers.cs == hw::kRing1Cs);
  CHECK(host.vcpu_op(VcpuOp::is_up, 1) == 1);
}

TEST_CASE("a vCPU that is down does not run until it is up again, wherever it was") {
  SmpHost host;
  REQUIRE(host.initialise(1, host.context()) == 0);
  REQUIRE(host.vcpu_op(VcpuOp::up, 1) == 0);
  host.pass(50'000'000);
  CHECK(host.vcpu_op(VcpuOp::down, 1) == 0);
  CHECK(host.vcpu_op(VcpuOp::down, 1) == 0);
  host.pass(1'000'000);
  CHECK(host.second().state == RunState::paused);
  const SystemTime ran = host.second().cpu_time;
  host.pass(100'000'000);
  CHECK(host.second().cpu_time == ran);
  CHECK(host.vcpu_op(VcpuOp::up, 1) == 0);
  host.pass(1'000'000);
  CHECK(host.second().state == RunState::running);
}

TEST_CASE("an IPI port is pending for the vCPU that it names, and for nobody else") {
  SmpHost host;
  EventChannelOp op = host.operation(EventChannelCommand::bind_ipi, 2);
  CHECK(host.event_op(host.domain0(), op) == kEnoent);
  op = host.operation(EventChannelCommand::bind_ipi, 1);
  REQUIRE(host.event_op(host.domain0(), op) == 0);
  const u32 port = op.port1;
  op = host.operation(EventChannelCommand::status, 0, port);
  op.dom1 = kDomainSelf;
  REQUIRE(host.event_op(host.domain0(), op) == 0);
  CHECK(op.state == static_cast<u32>(PortState::ipi));
  CHECK(op.number == 1);

  op = host.operation(EventChannelCommand::send, 0, port);
  CHECK(host.event_op(host.domain0(), op) == 0);
  CHECK(host.pending(host.domain0(), port));
  CHECK(host.of_second(kUpcallPending) == 1);
  CHECK(host.of_second(kSelector) == 1u << port / 32);
  CHECK(host.shared(host.domain0(), kUpcallPending) == 0);
  CHECK(host.shared(host.domain0(), kSelector) == 0);
}

TEST_CASE("a port's events go to the vCPU that it is bound to, and one that waits is not lost on the way") {
  SmpHost host;
  EventChannelOp op = host.operation(EventChannelCommand::alloc_unbound, 0);
  op.dom1 = kDomainSelf;
  REQUIRE(host.event_op(host.domain0(), op) == 0);
  const u32 offered = op.port1;
  op = host.operation(EventChannelCommand::bind_interdomain, 0);
  op.dom1 = op.dom2 = kDomainSelf;
  op.port2 = offered;
  REQUIRE(host.event_op(host.domain0(), op) == 0);
  const u32 sender = op.port1;

  op = host.operation(EventChannelCommand::send, 0, sender);
  REQUIRE(host.event_op(host.domain0(), op) == 0);
  CHECK(host.shared(host.domain0(), kUpcallPending) == 1);
  CHECK(host.of_second(kUpcallPending) == 0);
  op = host.operation(EventChannelCommand::bind_vcpu, 1, offered);
  CHECK(host.event_op(host.domain0(), op) == 0);
  CHECK(host.of_second(kUpcallPending) == 1);
  CHECK(host.of_second(kSelector) == 1u << offered / 32);

  op = host.operation(EventChannelCommand::bind_vcpu, 2, offered);
  CHECK(host.event_op(host.domain0(), op) == kEnoent);
  op = host.operation(EventChannelCommand::bind_vcpu, 1, 900);
  CHECK(host.event_op(host.domain0(), op) == kEinval);
  op = host.operation(EventChannelCommand::bind_vcpu, 1, host.bind_virq(host.domain0(), Virq::debug));
  CHECK(host.event_op(host.domain0(), op) == kEinval);  // every vCPU has its own
}

TEST_CASE("with two CPUs an idle one takes the interrupts; with none idle they go round, once per 10 ms") {
  CoreHost host{{.cpus = 2}};
  const u32 line = host.machine.nic.interrupt_line();
  CHECK(host.machine.routes.at(line) == 0);
  host.pass(30'000'000);  // domain 0 runs on CPU 0 all the time, CPU 1 is idle
  host.interrupt(line, 0);
  CHECK(host.machine.routes.at(line) == 1);
  host.pass(5'000'000);
  host.interrupt(line, 1);
  host.pass(20'000'000);
  host.interrupt(line, 1);
  CHECK(host.machine.routes.at(line) == 1);  // still the only idle one

  Domain& guest = host.add_domain();  // which CPU 1 gets, and computes
  host.pass(20'000'000);
  REQUIRE(host.running(1) == &guest);
  host.interrupt(line, 1);
  CHECK(host.machine.routes.at(line) == 0);
  host.interrupt(line, 0);
  CHECK(host.machine.routes.at(line) == 0);
  host.pass(10'000'000);
  host.interrupt(line, 0);
  CHECK(host.machine.routes.at(line) == 1);
}

TEST_CASE("with one CPU interrupts stay where they are") {
  CoreHost host;
  const u32 line = host.machine.nic.interrupt_line();
  host.pass(30'000'000);
  host.interrupt(line);
  CHECK(host.machine.routes.at(line) == 0);
}
