// Exceptions as guests see them: frames word by word, who may raise what, and what becomes of a guest that cannot cope.
#include <doctest/doctest.h>

#include "support/core_host.h"

using namespace test;

namespace {

constexpr s32 kEperm = -1, kEfault = -14, kEinval = -22;

struct TrapHost : CoreHost {
  Domain& guest = add_domain();
  u32 stack = 0, kernel_stack = 0;

  explicit TrapHost(u8 flags = 3) {
    set_up_guest(guest, flags);
    give_cpu(guest);
    take_events(guest);
    kernel_stack = scratch(guest) + 4 * kPageSize;
    stack = scratch(guest) + 6 * kPageSize;
    call(guest, Hypercall::stack_switch, {hw::kRing1Ds, kernel_stack});
  }
  // Puts the guest into ring 3 or ring 1 at 0x1000.
  void at(u32 ring) {
    hw::Registers& r = registers();
    r.cs = ring == 3 ? hw::kRing3Cs : hw::kRing1Cs;
    r.ss = ring == 3 ? hw::kRing3Ds : hw::kRing1Ds;
    r.eip = 0x1000;
    r.esp = ring == 3 ? 0xbffff000 : stack;
    r.eflags = 0x00010302;  // RF, IF and TF
  }
  std::vector<u32> pushed(u32 words) {
    std::vector<u32> found;
    for (u32 i = 0; i < words; ++i) found.push_back(word(guest, registers().esp + 4 * i));
    return found;
  }
};

}  // namespace

TEST_CASE("a page fault from ring 3 pushes CR2, error code, EIP, CS, EFLAGS, ESP, SS on the ring-1 stack") {
  TrapHost host;
  host.at(3);
  host.exception(hw::kVectorPageFault, 6, 0x0804c123);
  const hw::Registers& r = host.registers();
  CHECK(r.eip == CoreHost::trap_entry(14));
  CHECK(r.cs == hw::kRing1Cs);
  CHECK(r.ss == hw::kRing1Ds);
  CHECK(r.esp == host.kernel_stack - 7 * 4);
  CHECK(r.eflags == 0x202);  // single step and resume are off
  CHECK(host.pushed(7) == std::vector<u32>{0x0804c123, 6, 0x1000, hw::kRing3Cs, 0x00010302, 0xbffff000, hw::kRing3Ds});
}

TEST_CASE("a page fault from ring 1 stays on the present stack and pushes no ESP and SS") {
  TrapHost host;
  host.at(1);
  host.exception(hw::kVectorPageFault, 2, 0xc0abc000);
  CHECK(host.registers().esp == host.stack - 5 * 4);
  CHECK(host.pushed(5) == std::vector<u32>{0xc0abc000, 2, 0x1000, hw::kRing1Cs, 0x00010302});
}

TEST_CASE("exactly the vectors 10 to 14 and 17 push an error code") {
  for (const u32 vector : {0u, 3u, 4u, 5u, 6u, 9u, 10u, 11u, 12u, 13u, 16u, 17u, 18u, 19u}) {
    CAPTURE(vector);
    TrapHost host;
    host.at(3);
    host.exception(vector, 0x50);
    const bool with_code = (vector >= 10 && vector <= 13) || vector == 17;
    CHECK(host.registers().eip == CoreHost::trap_entry(vector));
    CHECK(host.registers().esp == host.kernel_stack - (with_code ? 24 : 20));
    if (with_code) CHECK(host.pushed(1)[0] == 0x50);
  }
}

TEST_CASE("an event nests over an exception's frame, and the mask flag of the entry keeps it off") {
  for (const bool masks : {false, true}) {
    TrapHost host{static_cast<u8>(masks ? 3 | kTrapMaskEvents : 3)};
    host.at(3);
    host.set_shared(host.guest, kUpcallPending, 1);
    host.exception(hw::kVectorPageFault, 6, 0x0804c123);
    CHECK(host.shared(host.guest, kUpcallMask) == 1);
    if (masks) {
      CHECK(host.registers().eip == CoreHost::trap_entry(14));
    } else {
      CHECK(host.registers().eip == CoreHost::kEventEntry);
      CHECK(host.registers().esp == host.kernel_stack - (7 + 3) * 4);
      CHECK(host.pushed(3) == std::vector<u32>{CoreHost::trap_entry(14), hw::kRing1Cs, 0x202});
    }
  }
}

TEST_CASE("INT n is delivered as vector n past the instruction if the guest's table lets that ring raise it") {
  TrapHost host;
  host.at(3);
  host.exception(hw::kVectorGeneralProtection, 0x80 << 3 | 2);
  CHECK(host.registers().eip == CoreHost::trap_entry(0x80));
  CHECK(host.pushed(2) == std::vector<u32>{0x1002, hw::kRing3Cs});  // no error code
}

TEST_CASE("INT n that the table does not let ring 3 raise is a general protection fault at the instruction") {
  TrapHost host{1};
  host.at(3);
  host.exception(hw::kVectorGeneralProtection, 0x80 << 3 | 2);
  CHECK(host.registers().eip == CoreHost::trap_entry(13));
  CHECK(host.pushed(2) == std::vector<u32>{0x80 << 3 | 2, 0x1000});
  host.at(1);  // but ring 1 may
  host.exception(hw::kVectorGeneralProtection, 0x80 << 3 | 2);
  CHECK(host.registers().eip == CoreHost::trap_entry(0x80));
}

TEST_CASE("a general protection fault about a selector keeps its code") {
  TrapHost host;
  host.at(3);
  host.exception(hw::kVectorGeneralProtection, 0x0804);
  CHECK(host.registers().eip == CoreHost::trap_entry(13));
  CHECK(host.pushed(1)[0] == 0x0804);
}

TEST_CASE("INT 0x82 from ring 3 is no hypercall but a general protection fault at the instruction") {
  TrapHost host{1};
  host.at(3);
  host.registers().eax = static_cast<u32>(Hypercall::xen_version);
  host.registers().eip = 0x1002;  // past INT 0x82
  host.core->hypercall(host.machine.cpu(0), host.registers());
  CHECK(host.registers().eip == CoreHost::trap_entry(13));
  CHECK(host.registers().eax == static_cast<u32>(Hypercall::xen_version));
  CHECK(host.pushed(2) == std::vector<u32>{0x82 << 3 | 2, 0x1000});
}

TEST_CASE("the FPU is given to a vCPU when it uses it, and saved at the switch only then") {
  TrapHost host;
  FakeCpu& cpu = host.machine.cpu(0);
  host.at(3);
  CHECK(cpu.task_switched);
  host.exception(hw::kVectorNoFpu);
  CHECK(host.registers().eip == 0x1000);  // the guest notices nothing
  CHECK_FALSE(cpu.task_switched);
  CHECK(cpu.fpu.bytes[0] == 0x7f);  // FNINIT's control word
  CHECK(cpu.fpu.bytes[1] == 0x03);
  cpu.fpu.bytes[100] = 42;
  const u32 saves = cpu.fpu_saves;
  host.give_cpu(host.domain0());
  CHECK(cpu.fpu_saves == saves + 1);
  CHECK(cpu.task_switched);
  host.exception(hw::kVectorNoFpu);
  CHECK(cpu.fpu.bytes[100] == 0);  // nobody sees another's registers
  host.give_cpu(host.guest);
  host.exception(hw::kVectorNoFpu);
  CHECK(cpu.fpu.bytes[100] == 42);
  host.give_cpu(host.domain0());
  const u32 unused = cpu.fpu_saves;
  host.give_cpu(host.guest);
  CHECK(cpu.fpu_saves == unused);
}

TEST_CASE("after fpu_taskswitch the guest gets vector 7 once") {
  TrapHost host;
  host.exception(hw::kVectorNoFpu);
  host.call(host.guest, Hypercall::fpu_taskswitch);
  CHECK(host.machine.cpu(0).task_switched);
  host.at(3);
  host.exception(hw::kVectorNoFpu);
  CHECK(host.registers().eip == CoreHost::trap_entry(7));
  CHECK_FALSE(host.machine.cpu(0).task_switched);
  host.call(host.guest, Hypercall::fpu_taskswitch);
  host.exception(hw::kVectorNoFpu);
  host.at(3);
  host.exception(hw::kVectorNoFpu);
  CHECK(host.registers().eip == 0x1000);
}

TEST_CASE("a debug exception goes to the guest only if it has breakpoints; DR6 is kept for it") {
  TrapHost host;
  host.at(3);
  host.exception(hw::kVectorDebug, 0, 0xffff0ff1);
  CHECK(host.registers().eip == 0x1000);
  host.at(1);
  CHECK(host.call(host.guest, Hypercall::get_debugreg, {6}) == static_cast<s32>(0xffff0ff1));
  REQUIRE(host.call(host.guest, Hypercall::set_debugreg, {7, 1}) == 0);
  host.at(3);
  host.exception(hw::kVectorDebug, 0, 0xffff0ff1);
  CHECK(host.registers().eip == CoreHost::trap_entry(1));
}

TEST_CASE("set_debugreg: every refusal, and the values that are loaded") {
  TrapHost host;
  const auto set = [&](u32 number, u32 value) {
    return host.call(host.guest, Hypercall::set_debugreg, {number, value});
  };
  CHECK(set(0, 0xfc3ffffc) == 0);
  CHECK(host.machine.cpu(0).debug_registers[0] == 0xfc3ffffc);
  CHECK(set(3, 0xfc3ffffd) == kEperm);
  CHECK(set(4, 0) == kEinval);
  CHECK(set(5, 0) == kEinval);
  CHECK(set(8, 0) == kEinval);
  CHECK(set(7, 1u << 13) == kEperm);    // general detect
  CHECK(set(7, 0x00020001) == kEperm);  // I/O breakpoint 0
  CHECK(set(7, 0x20000080) == kEperm);  // I/O breakpoint 3
  CHECK(set(7, 0x00000001) == 0);
  CHECK(host.machine.cpu(0).debug_registers[7] == 0x00000401);
  CHECK(host.call(host.guest, Hypercall::get_debugreg, {0}) == static_cast<s32>(0xfc3ffffc));
  CHECK(host.call(host.guest, Hypercall::get_debugreg, {5}) == kEinval);
  CHECK(host.call(host.guest, Hypercall::get_debugreg, {9}) == kEinval);
}

TEST_CASE("breakpoints of one domain are off while another runs") {
  TrapHost host;
  host.call(host.guest, Hypercall::set_debugreg, {0, 0x1000});
  host.call(host.guest, Hypercall::set_debugreg, {7, 1});
  host.give_cpu(host.domain0());
  CHECK(host.machine.cpu(0).debug_registers[7] == 0);
  host.give_cpu(host.guest);
  CHECK(host.machine.cpu(0).debug_registers[7] == 0x401);
  CHECK(host.machine.cpu(0).debug_registers[0] == 0x1000);
}

TEST_CASE("a fault on the way back to the guest enters its failsafe handler with DS, ES, FS, GS below EIP") {
  TrapHost host;
  host.at(3);
  hw::Registers& r = host.registers();
  r.ds = 0x33;
  r.es = 0x3b;
  r.fs = 0x43;
  r.gs = 0x4b;
  host.core->return_fault(host.machine.cpu(0), r);
  CHECK(r.eip == CoreHost::kFailsafeEntry);
  CHECK(r.ds == 0);
  CHECK(host.pushed(9) ==
        std::vector<u32>{0x33, 0x3b, 0x43, 0x4b, 0x1000, hw::kRing3Cs, 0x00010302, 0xbffff000, hw::kRing3Ds});
}

TEST_CASE("a guest that cannot take its exception is crashed: no handler, no stack, a stack segment of another ring") {
  const auto crashes = [](auto break_it) {
    TrapHost host;
    host.at(3);
    break_it(host);
    host.exception(hw::kVectorInvalidOpcode);
    CHECK(host.guest.crashed);
    CHECK(host.running() != &host.guest);
    CHECK(audit(*host.core) == nullptr);
  };
  crashes([](TrapHost& host) { host.guest.traps.entries[6].address = 0; });
  crashes([](TrapHost& host) { host.guest.vcpus[0]->ring1_esp = 0x5000; });      // not mapped
  crashes([](TrapHost& host) { host.guest.vcpus[0]->ring1_esp = 8; });           // would wrap
  crashes([](TrapHost& host) { host.guest.vcpus[0]->ring1_esp = 0xfc400000; });  // the hypervisor's
  crashes([](TrapHost& host) { host.guest.vcpus[0]->ring1_ss = 0; });
}

TEST_CASE("a crash sends domain 0 the exception VIRQ; domain 0's own stops the machine") {
  TrapHost host;
  const u32 port = host.bind_virq(host.domain0(), Virq::domain_exception);
  host.take_events(host.domain0());
  host.give_cpu(host.guest);
  host.guest.traps.entries[6].address = 0;
  host.exception(hw::kVectorInvalidOpcode);
  CHECK(host.pending(host.domain0(), port));
  CHECK(host.machine.console_text.find("domain 1: exception without a handler") != std::string::npos);
  host.give_cpu(host.domain0());
  CHECK_THROWS_AS(host.exception(hw::kVectorInvalidOpcode), MachineStopped);
}

TEST_CASE("set_trap_table: a bad code selector is refused, the entries before it stand") {
  TrapHost host;
  const u32 list = host.scratch(host.guest);
  host.put(host.guest, list, TrapEntry{3, 0, hw::kRing1Cs, 0x3333});
  host.put(host.guest, list + 8, TrapEntry{4, 0, hw::kHypervisorCs, 0x4444});
  CHECK(host.call(host.guest, Hypercall::set_trap_table, {list}) == kEperm);
  CHECK(host.guest.traps.entries[3].address == 0x3333);
  CHECK(host.guest.traps.entries[4].address == CoreHost::trap_entry(4));
  CHECK(host.call(host.guest, Hypercall::set_trap_table, {0x2000}) == kEfault);
}

TEST_CASE("code selectors: the flat one, or any of the guest's own with RPL 1") {
  CHECK(valid_code_selector(hw::kRing1Cs));
  CHECK(valid_code_selector(0x0009));  // own GDT entry 1
  CHECK(valid_code_selector(0x080d));  // LDT entry 257
  CHECK(valid_code_selector(296 << 3 | 1));
  CHECK_FALSE(valid_code_selector(0x0008));  // RPL 0
  CHECK_FALSE(valid_code_selector(0x000b));  // RPL 3
  CHECK_FALSE(valid_code_selector(0x0809));  // the hypervisor's, with RPL 1
  CHECK_FALSE(valid_code_selector(295 << 3 | 1));
  CHECK_FALSE(valid_code_selector(0x10009));
}

TEST_CASE("set_callbacks with a bad selector changes nothing") {
  TrapHost host;
  CHECK(host.call(host.guest, Hypercall::set_callbacks, {hw::kRing1Cs, 1, hw::kHypervisorCs, 2}) == kEperm);
  CHECK(host.call(host.guest, Hypercall::set_callbacks, {hw::kHypervisorCs, 1, hw::kRing1Cs, 2}) == kEperm);
  CHECK(host.guest.vcpus[0]->event_eip == CoreHost::kEventEntry);
  CHECK(host.guest.vcpus[0]->failsafe_eip == CoreHost::kFailsafeEntry);
}

TEST_CASE("set_fast_trap: 0x80 and 0x20 to 0x2f for ring 3 without masking, and off again; swapped at the switch") {
  TrapHost host;
  const auto set = [&](u32 vector) { return host.call(host.guest, Hypercall::set_fast_trap, {vector}); };
  const FakeCpu& cpu = host.machine.cpu(0);
  CHECK(set(0x80) == 0);
  CHECK(cpu.direct_gate.vector == 0x80);
  CHECK(cpu.direct_gate.cs == hw::kRing1Cs);
  CHECK(cpu.direct_gate.eip == CoreHost::trap_entry(0x80));
  CHECK(set(0x1f) == kEperm);
  CHECK(set(0x30) == kEperm);
  CHECK(set(14) == kEperm);
  CHECK(cpu.direct_gate.vector == 0x80);
  host.give_cpu(host.domain0());
  CHECK(cpu.direct_gate.vector == 0);
  host.give_cpu(host.guest);
  CHECK(cpu.direct_gate.vector == 0x80);
  CHECK(set(0x20) == 0);
  CHECK(set(0x2f) == 0);
  CHECK(set(0) == 0);
  CHECK(cpu.direct_gate.vector == 0);
  host.guest.traps.entries[0x80].flags = 3 | kTrapMaskEvents;
  CHECK(set(0x80) == kEperm);
  host.guest.traps.entries[0x80].flags = 1;
  CHECK(set(0x80) == kEperm);
  host.guest.traps.entries[0x80] = {};
  CHECK(set(0x80) == kEperm);
}

TEST_CASE("stack_switch takes ring-1 stack segments only, and is loaded at once") {
  TrapHost host;
  CHECK(host.call(host.guest, Hypercall::stack_switch, {hw::kHypervisorDs, 0x1000}) == kEperm);
  CHECK(host.call(host.guest, Hypercall::stack_switch, {hw::kRing1Ds, 0xc0001000}) == 0);
  CHECK(host.machine.cpu(0).ring1_esp == 0xc0001000);
}
