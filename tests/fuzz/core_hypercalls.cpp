// A hostile guest: random hypercalls with random arguments, exceptions and register values from an unprivileged domain.
// Afterwards every conservation law holds, and what belongs to others is as it was.
#include <doctest/doctest.h>

#include <cstdlib>

#include "support/core_host.h"

using namespace test;

namespace {

struct Random {
  u64 state;
  u32 next() {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return static_cast<u32>(state >> 16);
  }
  u32 below(u32 n) { return next() % n; }
};

class Attacker {
 public:
  Attacker(CoreHost& host, Domain& domain, u64 seed) : host_{host}, domain_{domain}, random_{seed} {}

  void step() {
    hw::Registers& r = host_.registers(domain_.vcpus[0]->cpu);
    if (r.ring() != 1 || random_.below(50) == 0) {
      r.cs = hw::kRing1Cs;
      r.ss = hw::kRing1Ds;
      r.esp = kGuestKernelStart + random_.below(domain_.memory.frame_count() + 4) * kPageSize + 4 * random_.below(1024);
    }
    const u32 kind = random_.below(100);
    if (kind < 4) {
      host_.exception(random_.below(20), random_.below(2048), word(), domain_.vcpus[0]->cpu);
      return;
    }
    fill_arguments();
    u32 number = random_.below(34);
    // Ending oneself is one call in a thousand: or the domain would not live long enough to do harm.
    u32 first = word();
    if (number == static_cast<u32>(Hypercall::sched_op)) first = random_.below(1000) == 0 ? 2 : random_.below(2);
    r.eax = number;
    r.ebx = first;
    r.ecx = random_.below(3) == 0 ? word() : random_.below(16);
    r.edx = word();
    r.esi = word();
    r.edi = word();
    host_.core->hypercall(host_.machine.cpu(domain_.vcpus[0]->cpu), r);
    successes_ += static_cast<s32>(host_.registers_of(*domain_.vcpus[0]).eax) >= 0 ? 1 : 0;
  }
  u64 successes() const { return successes_; }

 private:
  // Mostly something that means something: an address of its own, a frame of its own or another's, a small number.
  u32 word() {
    switch (random_.below(8)) {
      case 0:
        return random_.next();
      case 1:
        return random_.below(64);
      case 2:
        return host_.scratch(domain_) + 4 * random_.below(512);
      case 3:
        return kGuestKernelStart + random_.below(300) * kPageSize + 4 * random_.below(1024);
      case 4:
        return own_frame() << kPageShift | 4 * random_.below(1024) | random_.below(4);
      case 5:
        return random_.below(host_.machine.ram.frame_count()) << kPageShift | random_.below(8);
      case 6:
        return own_frame() << kPageShift | (kEntryPresent | kEntryWritable | kEntryUser);
      default:
        return 0xfbfff000 + random_.below(0x2000);
    }
  }
  u32 own_frame() {
    FrameTable& frames = host_.core->memory().frames();
    MachineFrame frame = frames.first(domain_.memory.frames);
    for (u32 skip = random_.below(16); skip != 0 && frames.next(frame) != MachineFrame::none(); --skip)
      frame = frames.next(frame);
    return frame.number();
  }
  // Argument structures: the scratch page as the guest's tables map it, if they still do.
  void fill_arguments() {
    u32 words[64];
    for (u32& each : words) each = word();
    if (random_.below(2) == 0) words[0] = random_.below(8);  // a command
    host_.machine.cpu(domain_.vcpus[0]->cpu).copy_to_guest(host_.scratch(domain_), words, sizeof words);
  }

  CoreHost& host_;
  Domain& domain_;
  Random random_;
  u64 successes_ = 0;
};

// Everything of a domain that no other may change. The shared page carries time and is left out.
std::uint64_t fingerprint(CoreHost& host, const Domain& domain) { return host.digest(domain); }

}  // namespace

TEST_CASE("random hypercalls of a guest harm nobody but itself") {
  const char* asked = std::getenv("FUZZ_SEEDS");
  const u64 seeds = asked == nullptr ? 40 : std::strtoull(asked, nullptr, 10);
  u64 calls = 0, deaths = 0, successes = 0;
  for (u64 seed = 1; seed <= seeds; ++seed) {
    CAPTURE(seed);
    CoreHost host{{.frames = 6144, .tick = 0}};
    Domain& hostile = host.add_domain();
    Domain& bystander = host.add_domain();
    host.set_up_guest(hostile);
    // The others are asleep, so nothing of theirs may change.
    for (Domain* other : {&host.domain0(), &bystander})
      host.call(*other, Hypercall::sched_op, {static_cast<u32>(SchedOp::block)});
    host.give_cpu(hostile);
    const std::uint64_t zero_before = fingerprint(host, host.domain0());
    const std::uint64_t bystander_before = fingerprint(host, bystander);
    const u32 zero_frames = host.domain0().memory.frame_count(), frames = bystander.memory.frame_count();

    Attacker attacker{host, hostile, seed * 0x9e3779b97f4a7c15u};
    for (u32 i = 0; i < 3'000 && !hostile.crashed && !hostile.shut_down; ++i) {
      attacker.step();
      ++calls;
      if (hostile.crashed || hostile.shut_down) break;
      if (!host.core->run_states().running(*hostile.vcpus[0])) {  // it has blocked: wake it
        host.core->run_states().wake(*hostile.vcpus[0], host.core->clock().now());
        host.pass(20'000'000);
        host.interrupt(hw::kIpiLine);
      }
      if (!hostile.vcpus[0]->up) break;  // it has taken its only vCPU down: nobody is left to attack
      if (!host.core->run_states().running(*hostile.vcpus[0])) host.give_cpu(hostile);
      if (i % 256 == 0) REQUIRE(audit(*host.core) == nullptr);
    }
    successes += attacker.successes();
    deaths += hostile.crashed || hostile.shut_down;
    REQUIRE(audit(*host.core) == nullptr);
    CHECK(fingerprint(host, host.domain0()) == zero_before);
    CHECK(fingerprint(host, bystander) == bystander_before);
    CHECK(host.domain0().memory.frame_count() == zero_frames);
    CHECK(bystander.memory.frame_count() == frames);
    CHECK_FALSE(bystander.crashed);

    // And everything it had can be taken back.
    host.core->run_states().wake(*host.domain0().vcpus[0], host.core->clock().now());
    host.interrupt(hw::kIpiLine);
    ControlOp destroy{};
    destroy.command = static_cast<u32>(ControlCommand::destroy_domain);
    destroy.version = kControlVersion;
    destroy.domain = hostile.id;
    REQUIRE(host.control(destroy) == 0);
    REQUIRE(host.core->domains().find(1) == nullptr);
    CHECK(host.core->memory().frames().orphans().count == 0);
    CHECK(audit(*host.core) == nullptr);
  }
  MESSAGE(calls, " calls, ", successes, " of them accepted, ", deaths, " of ", seeds, " guests ended");
  CHECK(calls > 100 * seeds);
  CHECK(successes > calls / 20);  // else it only knocks on closed doors
}
