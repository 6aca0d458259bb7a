// Domain-0 operations: what each does, and every refusal.
#include <doctest/doctest.h>

#include "support/core_host.h"

using namespace test;

namespace {

constexpr s32 kEperm = -1, kEsrch = -3, kEnomem = -12, kEacces = -13, kEfault = -14, kEinval = -22, kEnosys = -38;

ControlOp operation(ControlCommand command, u32 domain = 0, std::initializer_list<u32> words = {}) {
  ControlOp op{};
  op.command = static_cast<u32>(command);
  op.version = kControlVersion;
  op.domain = domain;
  std::copy(words.begin(), words.end(), op.words);
  return op;
}

struct ControlHost : CoreHost {
  using CoreHost::CoreHost;
  s32 perform(ControlCommand command, u32 domain = 0, std::initializer_list<u32> words = {}) {
    last = operation(command, domain, words);
    return control(last);
  }
  DomainInfo info(const Domain& domain) {
    REQUIRE(perform(ControlCommand::get_domain_info, domain.id) == 0);
    REQUIRE(last.domain == domain.id);
    DomainInfo found;
    __builtin_memcpy(&found, last.words, sizeof found);
    return found;
  }
  ControlOp last{};
  ~ControlHost() { CHECK(audit(*core) == nullptr); }
};

}  // namespace

TEST_CASE("only domain 0 may; then the address, the version and the command are looked at") {
  ControlHost host;
  Domain& guest = host.add_domain();
  ControlOp op = operation(ControlCommand::get_domain_info);
  CHECK(host.call_with(guest, Hypercall::dom0_op, op) == kEperm);
  CHECK(host.call(guest, Hypercall::dom0_op, {0x1000}) == kEperm);
  CHECK(host.call(host.domain0(), Hypercall::dom0_op, {0x1000}) == kEfault);
  op.version = kControlVersion + 1;
  CHECK(host.control(op) == kEacces);
  CHECK(host.perform(static_cast<ControlCommand>(99)) == kEnosys);
  const u32 read_only = kGuestKernelStart + 2 * kPageSize;  // a page table
  CHECK(host.call(host.domain0(), Hypercall::dom0_op, {read_only}) == kEfault);
}

TEST_CASE("operations on a domain that does not exist are -ESRCH") {
  ControlHost host;
  for (const ControlCommand command :
       {ControlCommand::destroy_domain, ControlCommand::unpause_domain, ControlCommand::pause_domain,
        ControlCommand::build_domain, ControlCommand::get_memory_list, ControlCommand::scheduler_adjust,
        ControlCommand::pin_cpu, ControlCommand::create_vif, ControlCommand::vif_credit}) {
    CHECK(host.perform(command, 5) == kEsrch);
    CHECK(host.perform(command, 0xffffffff) == kEsrch);
  }
  CHECK(host.perform(ControlCommand::get_domain_info, 1) == kEsrch);
}

TEST_CASE("create_domain gives frames and the next id, paused and not built") {
  ControlHost host;
  CHECK(host.create_domain(1024, 1, kAllCpus) == 1);
  CHECK(host.create_domain(2048, 2, 1) == 2);
  Domain& second = *host.core->domains().find(2);
  const DomainInfo info = host.info(second);
  CHECK(info.frames == 512);
  CHECK(info.max_frames == 512);
  CHECK(info.flags == 2);  // paused
  CHECK(info.shared_info_frame == second.shared_info.number());
  CHECK(second.vcpus[0]->affinity == 1);
  CHECK(second.vcpu_count == 2);
}

TEST_CASE("create_domain: every refusal leaves no frame and no slot behind") {
  ControlHost host{{.max_domains = 2}};
  const u32 free = host.core->memory().frames().free_count();
  CHECK(host.create_domain(1024, 0, kAllCpus) == kEinval);
  CHECK(host.create_domain(1024, kMaxVcpusPerDomain + 1, kAllCpus) == kEinval);
  CHECK(host.create_domain(1024, 1, 1u << 1) == kEinval);
  CHECK(host.create_domain(1u << 20, 1, kAllCpus) == kEnomem);
  CHECK(host.core->memory().frames().free_count() == free);
  CHECK(host.create_domain(1024, 1, kAllCpus) == 1);
  CHECK(host.create_domain(1024, 1, kAllCpus) == kEnomem);  // no slot
}

TEST_CASE("build_domain: every refusal; then the domain starts as it was told") {
  ControlHost host;
  REQUIRE(host.create_domain(1024, 1, kAllCpus) == 1);
  Domain& guest = *host.core->domains().find(1);
  CHECK(host.perform(ControlCommand::unpause_domain, 1) == kEinval);  // not built
  InitialSpace space;
  REQUIRE(host.core->memory().build_domain0(host.machine.cpu(0), guest, space).ok());
  const u32 directory = space.directory.number();
  const auto build = [&](u32 frame, u32 eip, u32 esp) {
    return host.perform(ControlCommand::build_domain, 1, {frame, eip, esp, 0xc0000000});
  };
  CHECK(build(0xfffff, 0x1000, 0x2000) == kEinval);                                      // no such frame
  CHECK(build(guest.memory.frames.first, 0x1000, 0x2000) == kEinval);                    // no directory
  CHECK(build(host.domain0().vcpus[0]->directory.number(), 0x1000, 0x2000) == kEinval);  // another's
  CHECK(build(directory, kHypervisorStart, 0x2000) == kEinval);
  CHECK(build(directory, 0x1000, kHypervisorStart + 4) == kEinval);
  CHECK(build(directory, 0xc0001000, 0xc0002000) == 0);
  CHECK(build(directory, 0xc0001000, 0xc0002000) == kEinval);  // built already
  CHECK(host.perform(ControlCommand::unpause_domain, 1) == 0);
  host.give_cpu(guest);
  CHECK(host.registers().eip == 0xc0001000);
  CHECK(host.registers().esp == 0xc0002000);
  CHECK(host.registers().esi == 0xc0000000);
  CHECK(host.registers().cs == hw::kRing1Cs);
}

TEST_CASE("a paused domain does not run, however often it was paused, until unpaused once") {
  ControlHost host;
  Domain& guest = host.add_domain();
  host.give_cpu(guest);
  host.give_cpu(host.domain0());
  CHECK(host.perform(ControlCommand::pause_domain, guest.id) == 0);
  CHECK(host.perform(ControlCommand::pause_domain, guest.id) == 0);
  CHECK((host.info(guest).flags & 2) != 0);
  const SystemTime ran = guest.vcpus[0]->cpu_time;
  host.pass(100'000'000);
  CHECK(guest.vcpus[0]->cpu_time == ran);
  CHECK(host.perform(ControlCommand::unpause_domain, guest.id) == 0);
  host.give_cpu(guest);
  CHECK(host.perform(ControlCommand::pause_domain, 0) == kEinval);
}

TEST_CASE("destroying a domain gives back every frame and its ports; its id is not taken again at once") {
  ControlHost host;
  const u32 free = host.core->memory().frames().free_count();
  Domain& guest = host.add_domain();
  host.set_up_guest(guest);
  CHECK(host.perform(ControlCommand::create_vif, guest.id) == 0);
  host.call(guest, Hypercall::set_timer_op, {0, 900'000'000});
  CHECK(host.core->memory().frames().free_count() < free);
  host.give_cpu(host.domain0());
  const MachineFrame shared_info = guest.shared_info;
  CHECK(host.perform(ControlCommand::destroy_domain, guest.id) == 0);
  CHECK(host.core->memory().frames().free_count() == free);
  const std::uint64_t contents = host.machine.ram.digest(shared_info);
  CHECK(host.core->domains().find(1) == nullptr);
  CHECK(host.perform(ControlCommand::destroy_domain, 1) == kEsrch);
  host.pass(1'000'000'000);  // past the alarm that the domain had set, which writes to nobody's page now
  CHECK(host.machine.ram.digest(shared_info) == contents);
  CHECK(host.create_domain(1024, 1, kAllCpus) == 2);
}

TEST_CASE("slots are used again, with nothing left of the domain before") {
  ControlHost host{{.max_domains = 2}};
  const u32 free = host.core->memory().frames().free_count();
  u64 core_bytes = 0;
  for (int round = 0; round < 5; ++round) {
    Domain& guest = host.add_domain();
    CHECK(guest.id == 1);
    CHECK(guest.traps.entries[14].address == 0);
    CHECK(guest.events.counts.sent == 0);
    CHECK(guest.vcpus[0]->event_eip == 0);
    host.set_up_guest(guest);
    if (round == 0) core_bytes = guest.core_bytes();
    CHECK(guest.core_bytes() == core_bytes);
    host.give_cpu(host.domain0());
    REQUIRE(host.perform(ControlCommand::destroy_domain, 1) == 0);
    CHECK(host.core->memory().frames().free_count() == free);
  }
}

TEST_CASE("domain 0 cannot be destroyed") {
  ControlHost host;
  CHECK(host.perform(ControlCommand::destroy_domain, 0) == kEperm);
  CHECK(host.perform(ControlCommand::destroy_domain, kDomainSelf) == kEperm);
}

TEST_CASE("a domain that runs on another CPU is freed when that CPU has let go of it") {
  ControlHost host{{.cpus = 2}};
  const u32 free = host.core->memory().frames().free_count();
  Domain& guest = host.add_domain(1024, false);
  REQUIRE(host.perform(ControlCommand::pin_cpu, guest.id, {0, 2}) == 0);
  REQUIRE(host.perform(ControlCommand::unpause_domain, guest.id) == 0);
  host.deliver_ipis();
  REQUIRE(host.running(1) == &guest);
  REQUIRE(host.perform(ControlCommand::destroy_domain, guest.id) == 0);
  CHECK(host.core->memory().frames().free_count() < free);
  CHECK(host.machine.cpu(1).directory == guest.vcpus[0]->directory);
  CHECK(host.perform(ControlCommand::pause_domain, guest.id) == kEsrch);
  host.deliver_ipis();
  CHECK(host.current(1).is_idle);
  CHECK(host.core->memory().frames().free_count() == free);
}

TEST_CASE("get_domain_info finds the first domain from an id on") {
  ControlHost host;
  Domain& guest = host.add_domain();
  host.give_cpu(guest);
  host.pass(2'000'000);
  const DomainInfo info = host.info(guest);
  CHECK((info.flags & 1) != 0);
  CHECK((u64{info.cpu_ns_high} << 32 | info.cpu_ns_low) >= 2'000'000);
  CHECK(host.perform(ControlCommand::get_domain_info, 0) == 0);
  CHECK(host.last.domain == 0);
  CHECK((host.last.words[0] & 8) != 0);  // running: it asks
  CHECK(host.perform(ControlCommand::get_domain_info, 2) == kEsrch);
}

TEST_CASE("the core spends about 20 kB on a domain") {
  ControlHost host;
  Domain& guest = host.add_domain();
  CHECK(host.perform(ControlCommand::create_vif, guest.id) == 0);
  host.set_up_guest(guest);
  const DomainInfo info = host.info(guest);
  MESSAGE("bytes per domain: ", info.core_bytes);
  CHECK(info.core_bytes > 14 * 1024);
  CHECK(info.core_bytes < 26 * 1024);
}

TEST_CASE("get_memory_list lists the frames in pseudo-physical order, from any place") {
  ControlHost host;
  Domain& guest = host.add_domain();
  const u32 address = host.scratch(host.domain0()) + kPageSize;
  CHECK(host.perform(ControlCommand::get_memory_list, guest.id, {address, 1000, 0}) == 0);
  CHECK(host.last.words[1] == 256);
  MachineFrame frame = host.core->memory().frames().first(guest.memory.frames);
  for (u32 i = 0; i < 256; ++i, frame = host.core->memory().frames().next(frame))
    REQUIRE(host.word(host.domain0(), address + 4 * i) == frame.number());
  const u32 tenth = host.word(host.domain0(), address + 40);
  CHECK(host.perform(ControlCommand::get_memory_list, guest.id, {address, 5, 10}) == 0);
  CHECK(host.last.words[1] == 5);
  CHECK(host.word(host.domain0(), address) == tenth);
  CHECK(host.perform(ControlCommand::get_memory_list, guest.id, {address, 5, 254}) == 0);
  CHECK(host.last.words[1] == 2);
  CHECK(host.perform(ControlCommand::get_memory_list, guest.id, {0x1000, 5, 0}) == kEfault);
}

TEST_CASE("scheduler_adjust reaches the scheduler, and brings its refusals back") {
  ControlHost host;
  Domain& guest = host.add_domain();
  CHECK(host.perform(ControlCommand::scheduler_adjust, guest.id, {0}) == kEinval);
  CHECK(host.perform(ControlCommand::scheduler_adjust, guest.id, {40}) == 0);
  const SystemTime zero = host.domain0().vcpus[0]->cpu_time, before = guest.vcpus[0]->cpu_time;
  host.pass(2'000'000'000);
  const double share = static_cast<double>(guest.vcpus[0]->cpu_time - before) /
                       static_cast<double>(host.domain0().vcpus[0]->cpu_time - zero);
  CHECK(share == doctest::Approx(0.25).epsilon(0.05));  // mcu_advance 40 against 10
}

TEST_CASE("pin_cpu: bad numbers are refused, a good one moves the vCPU") {
  ControlHost host{{.cpus = 2}};
  Domain& guest = host.add_domain();
  CHECK(host.perform(ControlCommand::pin_cpu, guest.id, {1, 1}) == kEinval);
  CHECK(host.perform(ControlCommand::pin_cpu, guest.id, {0, 4}) == kEinval);
  for (const u32 cpu : {0u, 1u, 0u}) {
    CHECK(host.perform(ControlCommand::pin_cpu, guest.id, {0, 1u << cpu}) == 0);
    host.pass(50'000'000);
    host.give_cpu(guest);
    CHECK(guest.vcpus[0]->cpu == cpu);
  }
}

TEST_CASE("create_vif answers with index, ring frame and MAC; vif_credit needs such a VIF") {
  ControlHost host;
  Domain& guest = host.add_domain();
  CHECK(host.perform(ControlCommand::create_vif, guest.id) == 0);
  CHECK(host.last.words[0] == 0);
  CHECK(host.last.words[1] == guest.vifs[0]->ring_frame.number());
  CHECK((u64{host.last.words[2]} << 32 | host.last.words[3]) == guest.vifs[0]->mac);
  CHECK(host.perform(ControlCommand::vif_credit, guest.id, {0, 1500, 1000}) == 0);
  CHECK(host.perform(ControlCommand::vif_credit, guest.id, {1, 1500, 1000}) == kEinval);
}

TEST_CASE("rules are added and deleted; deleting one that is not there is no error") {
  ControlHost host;
  ControlOp op = operation(ControlCommand::add_rule);
  NetworkRule rule{};
  rule.source_vif = kVifAny;
  rule.destination_vif = kVifPhysical;
  __builtin_memcpy(op.words, &rule, sizeof rule);
  CHECK(host.control(op) == 0);
  op.command = static_cast<u32>(ControlCommand::delete_rule);
  CHECK(host.control(op) == 0);
  CHECK(host.control(op) == 0);
}
