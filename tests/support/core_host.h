// The whole core on a fake machine with domain 0 booted: tests play the guests, by editing registers and making calls.
//
// One cycle is one nanosecond, and nothing takes time unless the test says so.
#pragma once

#include <initializer_list>
#include <memory>
#include <vector>

#include "audit.h"
#include "hypervisor.h"
#include "interface/hypercalls.h"
#include "interface/shared_info.h"
#include "interface/start_info.h"
#include "support/fake_machine.h"

namespace test {

struct HostOptions {
  u32 frames = 8192;
  u32 cpus = 1;
  u32 max_domains = 8;
  u32 domain0_kilobytes = 2048;
  u32 domain0_vcpus = 1;
  SystemTime tick = 10'000'000;
  SystemTime timer_slop = 0;
  bool disk = false;                        // the machine's fake one
  hw::BlockDevice* block_device = nullptr;  // or this one
  const char* scheduler = "bvt";
  const char* variant = "paper";
};

// Offsets in the shared-info page of vCPU 0, in bytes.
inline constexpr u32 kUpcallPending = offsetof(SharedInfo, vcpu) + offsetof(SharedVcpu, upcall_pending);
inline constexpr u32 kSelector = offsetof(SharedInfo, vcpu) + offsetof(SharedVcpu, pending_selector);
inline constexpr u32 kUpcallMask = offsetof(SharedInfo, vcpu) + offsetof(SharedVcpu, upcall_mask);

class CoreHost {
 public:
  explicit CoreHost(const HostOptions& options = {});

  static constexpr u32 kEntry = 0xc0100000;       // where domains start
  static constexpr u32 kEventEntry = 0xc0200000;  // what set_up_guest() registers
  static constexpr u32 kFailsafeEntry = 0xc0300000;
  static constexpr u32 trap_entry(u32 vector) { return 0xc0400000 + vector * 16; }

  // A built domain of `kilobytes`, running as soon as the scheduler likes; paused if not `start`.
  Domain& add_domain(u32 kilobytes = 1024, bool start = true);
  // Creates without building. Negative: the error.
  s32 create_domain(u32 kilobytes, u32 vcpus, u32 cpu);

  // The vCPU on CPU `cpu`, its domain (null: idle), and the frame it would go on with.
  Vcpu& current(CpuId cpu = 0) { return core->run_states().current(cpu); }
  Domain* running(CpuId cpu = 0) { return current(cpu).domain; }
  hw::Registers& registers(CpuId cpu = 0) { return frames_.at(cpu); }
  // Of a vCPU, wherever they are.
  hw::Registers& registers_of(Vcpu& vcpu);

  // A hypercall of `domain`'s vCPU 0, which is given the CPU first; its result.
  s32 call(Domain& domain, Hypercall number, std::initializer_list<u32> arguments = {});
  s32 call_number(Domain& domain, u32 number, std::initializer_list<u32> arguments);
  // The same with an argument structure, which is placed in guest memory and read back.
  template <class T>
  s32 call_with(Domain& domain, Hypercall number, T& structure) {
    put(domain, scratch(domain), structure);
    const s32 result = call(domain, number, {scratch(domain)});
    structure = get<T>(domain, scratch(domain));
    return result;
  }
  s32 control(ControlOp& op) { return call_with(domain0(), Hypercall::dom0_op, op); }
  s32 event_op(Domain& domain, EventChannelOp& op) { return call_with(domain, Hypercall::event_channel_op, op); }

  void exception(u32 vector, u32 error_code = 0, u32 fault_address = 0, CpuId cpu = 0);
  void interrupt(u32 line, CpuId cpu = 0) { core->interrupt(machine.cpu(cpu), registers(cpu), line); }
  void deliver_ipis();  // to every CPU that was sent one
  // Moves the clock on by `time`, taking every timer interrupt on the way.
  void pass(SystemTime time);
  // Lets time pass until the scheduler gives CPU 0 to `domain`.
  void give_cpu(Domain& domain);

  // What every guest does first: callbacks, traps for all vectors, the kernel stack, VIRQ timer bound.
  void set_up_guest(Domain& domain, u8 trap_flags = 3);
  u32 bind_virq(Domain& domain, Virq virq);

  Domain& domain0() { return *core->domains().find(kDomain0); }
  // Guest-virtual memory of a domain.
  u32 scratch(const Domain& domain) const;  // a page that tests may use
  u32 machine_address(const Domain& domain, u32 address);
  u32 word(const Domain& domain, u32 address) { return machine.ram.word(machine_address(domain, address)); }
  void set_word(const Domain& domain, u32 address, u32 value) {
    machine.ram.set_word(machine_address(domain, address), value);
  }
  template <class T>
  void put(const Domain& domain, u32 address, const T& structure) {
    static_assert(sizeof(T) % 4 == 0);
    u32 words[sizeof(T) / 4];
    __builtin_memcpy(words, &structure, sizeof structure);
    for (u32 i = 0; i < sizeof(T) / 4; ++i) set_word(domain, address + 4 * i, words[i]);
  }
  template <class T>
  T get(const Domain& domain, u32 address) {
    u32 words[sizeof(T) / 4];
    for (u32 i = 0; i < sizeof(T) / 4; ++i) words[i] = word(domain, address + 4 * i);
    T structure;
    __builtin_memcpy(&structure, words, sizeof structure);
    return structure;
  }
  u32 shared(const Domain& domain, u32 offset) { return machine.ram.word(domain.shared_info.address() + offset); }
  void set_shared(const Domain& domain, u32 offset, u32 value) {
    machine.ram.set_word(domain.shared_info.address() + offset, value);
  }
  bool pending(const Domain& domain, u32 port) {
    return (shared(domain, offsetof(SharedInfo, ports_pending) + port / 32 * 4) >> port % 32 & 1) != 0;
  }
  // What a guest's event handler does: takes all pending ports and ends the upcall's deferral.
  void take_events(const Domain& domain);
  // One hash over all frames that a domain owns, the shared-info page not included.
  std::uint64_t digest(const Domain& domain);

  FakeMachine machine;
  std::unique_ptr<Hypervisor> core;

 private:
  std::vector<unsigned char> arena_;
  std::vector<hw::Registers> frames_;
};

}  // namespace test
