// The way in and out: numbers, multicall, the console, boot, context switch.
#include <doctest/doctest.h>

#include <algorithm>

#include "support/core_host.h"

using namespace test;

namespace {
constexpr s32 kEperm = -1, kEfault = -14, kEnosys = -38;

MulticallEntry entry(Hypercall number, u32 a = 0, u32 b = 0) {
  MulticallEntry made{};
  made.op = static_cast<u32>(number);
  made.arguments[0] = a;
  made.arguments[1] = b;
  made.result = 0xdead;
  return made;
}
}  // namespace

TEST_CASE("numbers that name no hypercall are -ENOSYS, and do not wrap") {
  CoreHost host;
  for (const u32 number : {19u, 25u, 31u, 32u, 17u + 32u, 0xffffffffu}) {
    CAPTURE(number);
    CHECK(host.call_number(host.domain0(), number, {}) == kEnosys);
  }
  CHECK(host.call(host.domain0(), Hypercall::xen_version) == 2 << 16);
}

TEST_CASE("a bad pointer is -EFAULT in every call that takes one") {
  CoreHost host;
  Domain& zero = host.domain0();
  for (const u32 address : {0u, 0x1000u, 0xbffffff8u, 0xfc000000u, 0xfbfffff8u, 0xfffffff0u}) {
    CAPTURE(address);
    CHECK(host.call(zero, Hypercall::set_trap_table, {address}) == kEfault);
    CHECK(host.call(zero, Hypercall::dom0_op, {address}) == kEfault);
    CHECK(host.call(zero, Hypercall::event_channel_op, {address}) == kEfault);
    CHECK(host.call(zero, Hypercall::multicall, {address, 1}) == kEfault);
    CHECK(host.call(zero, Hypercall::console_io, {0, 16, address}) == kEfault);
  }
}

TEST_CASE("multicall runs its calls in order and writes each result back") {
  CoreHost host;
  Domain& zero = host.domain0();
  const u32 list = host.scratch(zero);
  host.put(zero, list, entry(Hypercall::xen_version));
  host.put(zero, list + 32, entry(Hypercall::stack_switch, hw::kHypervisorDs, 0x1000));
  host.put(zero, list + 64, entry(Hypercall::stack_switch, hw::kRing1Ds, 0xc0001230));
  CHECK(host.call(zero, Hypercall::multicall, {list, 3}) == 0);
  CHECK(host.get<MulticallEntry>(zero, list).result == 2 << 16);
  CHECK(static_cast<s32>(host.get<MulticallEntry>(zero, list + 32).result) == kEperm);
  CHECK(host.get<MulticallEntry>(zero, list + 64).result == 0);
  CHECK(host.machine.cpu(0).ring1_esp == 0xc0001230);
  CHECK(host.machine.cpu(0).times(hw::Step::multicall_entry) == 3);
}

TEST_CASE("a multicall in a multicall is skipped, an unknown number is a result like others") {
  CoreHost host;
  Domain& zero = host.domain0();
  const u32 list = host.scratch(zero);
  host.put(zero, list, entry(Hypercall::multicall, list, 3));
  host.put(zero, list + 32, entry(static_cast<Hypercall>(77)));
  host.put(zero, list + 64, entry(Hypercall::xen_version));
  CHECK(host.call(zero, Hypercall::multicall, {list, 3}) == 0);
  CHECK(host.get<MulticallEntry>(zero, list).result == 0xdead);
  CHECK(static_cast<s32>(host.get<MulticallEntry>(zero, list + 32).result) == kEnosys);
  CHECK(host.get<MulticallEntry>(zero, list + 64).result == 2 << 16);
}

TEST_CASE("multicall: an unreadable entry is -EFAULT with the earlier ones done; an empty list is fine") {
  CoreHost host;
  Domain& zero = host.domain0();
  CHECK(host.call(zero, Hypercall::multicall, {0, 0}) == 0);
  const u32 last = host.core->domains().find(0)->memory.frame_count();
  const u32 end = kGuestKernelStart + (last + 1) * kPageSize;  // of what is mapped: the shared page is the last
  const u32 list = end - 32;
  const u32 before = host.word(zero, list + 24);
  host.put(zero, list, entry(Hypercall::xen_version));
  CHECK(host.call(zero, Hypercall::multicall, {list, 2}) == kEfault);
  CHECK(host.get<MulticallEntry>(zero, list).result == 2 << 16);
  host.set_word(zero, list + 24, before);
  CHECK(host.call(zero, Hypercall::multicall, {0xfbffffe0, 2}) == kEfault);
  CHECK(host.call(zero, Hypercall::multicall, {0xc0000000, 0x08000000}) == kEfault);
}

TEST_CASE("a call that ends the domain ends its multicall") {
  CoreHost host;
  Domain& guest = host.add_domain();
  const u32 list = host.scratch(guest);
  host.put(guest, list, entry(Hypercall::sched_op, static_cast<u32>(SchedOp::shutdown) | 3 << 8));
  host.put(guest, list + 32, entry(Hypercall::xen_version));
  host.call(guest, Hypercall::multicall, {list, 2});
  CHECK(guest.shut_down);
  CHECK(guest.shutdown_reason == 3);
  CHECK(host.get<MulticallEntry>(guest, list + 32).result == 0xdead);
}

TEST_CASE("the console takes 256 bytes and says whose lines they are") {
  CoreHost host;
  Domain& zero = host.domain0();
  const u32 text = host.scratch(zero);
  host.set_word(zero, text, 'a' | 'b' << 8 | '\n' << 16 | 'c' << 24);
  CHECK(host.call(zero, Hypercall::console_io, {0, 4, text}) == 4);
  CHECK(host.machine.console_text == "DOM0: ab\nDOM0: c\n");
  CHECK(host.call(zero, Hypercall::console_io, {0, 0, text}) == 0);
  CHECK(host.call(zero, Hypercall::console_io, {0, 5000, text}) == 256);
  CHECK(host.call(zero, Hypercall::console_io, {1, 4, text}) == kEnosys);
}

TEST_CASE("unknown scheduling operations are -ENOSYS") {
  CoreHost host;
  CHECK(host.call(host.domain0(), Hypercall::sched_op, {3}) == kEnosys);
}

TEST_CASE("domain 0 starts in ring 1 at its entry with its start info in ESI") {
  CoreHost host;
  const hw::Registers& r = host.registers();
  CHECK(host.running() == &host.domain0());
  CHECK(r.eip == CoreHost::kEntry);
  CHECK(r.cs == hw::kRing1Cs);
  for (const u32 selector : {r.ds, r.es, r.fs, r.gs, r.ss}) CHECK(selector == hw::kRing1Ds);
  CHECK((r.eflags & hw::kInterruptFlag) != 0);
  const StartInfo info = host.get<StartInfo>(host.domain0(), r.esi);
  CHECK(info.magic == kStartMagic);
  CHECK(info.domain_id == 0);
  CHECK(info.flags == kStartPrivileged);
  CHECK(info.pages == 512);
  CHECK(info.shared_info == host.domain0().shared_info.address());
  CHECK(host.machine_address(host.domain0(), info.shared_info_address) == info.shared_info);
  CHECK(info.directory_frame == host.machine.cpu(0).directory.number());
  CHECK(audit(*host.core) == nullptr);
}

TEST_CASE("a CPU with nothing to run waits in the idle loop, in ring 0 with interrupts on") {
  CoreHost host{{.cpus = 2}};
  const hw::Registers& r = host.registers(1);
  CHECK(r.cs == hw::kHypervisorCs);
  CHECK(r.eip == hw::kIdleLoop);
  CHECK(r.eflags == hw::kInterruptFlag);
  CHECK(host.machine.cpu(1).directory == host.core->memory().master_directory());
}

TEST_CASE("a switch loads gate-independent state in order: FPU saved, ring-1 stack, page tables, GDT, LDT") {
  CoreHost host;
  Domain& guest = host.add_domain();
  host.give_cpu(host.domain0());
  host.exception(hw::kVectorNoFpu);
  FakeCpu& cpu = host.machine.cpu(0);
  cpu.log.clear();
  const u32 loads = cpu.base_loads;
  host.give_cpu(guest);
  CHECK(cpu.base_loads == loads + 1);
  CHECK(cpu.log == std::vector<std::string>{"save_fpu", "ring1_stack", "cr3", "gdt", "ldt"});
  CHECK(cpu.directory == guest.vcpus[0]->directory);
  CHECK(cpu.ring1_esp == guest.vcpus[0]->ring1_esp);
}

TEST_CASE("every register survives being switched out and in") {
  CoreHost host;
  Domain& guest = host.add_domain();
  host.give_cpu(guest);
  hw::Registers frame;
  u32* words = &frame.ebx;
  for (u32 i = 0; i < sizeof frame / 4; ++i) words[i] = 0x11110000 + i;
  frame.cs = hw::kRing3Cs;
  host.registers() = frame;
  host.give_cpu(host.domain0());
  CHECK(host.registers().eip != frame.eip);
  host.give_cpu(guest);
  CHECK(__builtin_memcmp(&host.registers(), &frame, sizeof frame) == 0);
}

TEST_CASE("an exception in ring 0 is the hypervisor's own fault and stops the machine") {
  CoreHost host{{.cpus = 2}};
  CHECK_THROWS_AS(host.exception(hw::kVectorPageFault, 0, 0, 1), MachineStopped);
}

TEST_CASE("an unknown scheduler stops the machine at boot") {
  CHECK_THROWS_AS((CoreHost{{.scheduler = "lottery"}}), MachineStopped);
  CHECK_THROWS_AS((CoreHost{{.variant = "xen-9"}}), MachineStopped);
}

TEST_CASE("too little memory for domain 0 stops the machine at boot") {
  CHECK_THROWS_AS((CoreHost{{.domain0_kilobytes = 1u << 20}}), MachineStopped);
}

TEST_CASE("only ring 1 makes hypercalls: nothing is done for ring 3 by any number") {
  CoreHost host;
  host.set_up_guest(host.domain0(), 1);
  host.call(host.domain0(), Hypercall::stack_switch, {hw::kRing1Ds, host.scratch(host.domain0()) + kPageSize});
  host.registers().cs = hw::kRing3Cs;
  host.registers().eax = static_cast<u32>(Hypercall::sched_op);
  host.registers().ebx = static_cast<u32>(SchedOp::shutdown);
  host.core->hypercall(host.machine.cpu(0), host.registers());
  CHECK_FALSE(host.domain0().shut_down);
  CHECK(host.registers().eip == CoreHost::trap_entry(13));
}
