// The generic scheduling layer over any policy, with vCPUs that compute until the test says otherwise: what a machine
// would do on the way out of the core, without the machine.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "schedule/registry.h"
#include "schedule/run_state.h"

namespace test {

inline constexpr hv::SystemTime kMillisecond = 1'000'000;

class PolicyHost {
 public:
  PolicyHost(hv::Scheduler& scheduler, hv::u32 cpus, hv::SystemTime slop = 0) : states{scheduler, cpus, slop} {}

  // A vCPU that waits for its first event.
  hv::Vcpu& create(hv::u32 cpus = hv::kAllCpus) {
    hv::Vcpu& vcpu = vcpus.emplace_back();
    vcpu.id = static_cast<hv::VcpuId>(vcpus.size());
    states.add(vcpu, cpus);
    vcpu.blocked = true;
    states.unpause(vcpu, now);
    return vcpu;
  }

  void wake(hv::Vcpu& vcpu) {
    states.wake(vcpu, now);
    settle();
  }
  void block(hv::Vcpu& vcpu) {
    states.block(vcpu, now);
    settle();
  }
  hv::HypercallResult adjust(hv::Vcpu& vcpu, const hv::SchedulerParameters& parameters) {
    return states.adjust(vcpu, parameters, now);
  }

  // Every CPU that was asked to choose does; one that moves a vCPU away asks another.
  void settle() {
    for (hv::u32 kicked = states.take_kicks(); kicked != 0; kicked = states.take_kicks()) {
      for (hv::CpuId cpu = 0; cpu < states.cpu_count(); ++cpu) {
        if (!states.reschedule_requested(cpu)) continue;
        states.choose(cpu, now);
        if (on_choice) on_choice(cpu);
      }
    }
  }

  hv::CpuId first_to_expire() const {
    hv::CpuId first = 0;
    for (hv::CpuId cpu = 1; cpu < states.cpu_count(); ++cpu) {
      if (states.next_timer(cpu) < states.next_timer(first)) first = cpu;
    }
    return first;
  }
  void run_until(hv::SystemTime end) {
    for (hv::CpuId cpu = first_to_expire(); states.next_timer(cpu) <= end; cpu = first_to_expire()) {
      now = states.next_timer(cpu);
      states.run_timers(cpu, now);
      settle();
    }
    now = end;
  }

  hv::SystemTime ran(const hv::Vcpu& vcpu) const { return states.cpu_time(vcpu, now); }
  hv::SystemTime slice_left(hv::CpuId cpu = 0) const { return states.run_until(cpu) - now; }

  hv::RunStates states;
  std::deque<hv::Vcpu> vcpus;
  std::function<void(hv::CpuId)> on_choice;
  hv::SystemTime now = 0;
};

// A policy by the name that experiment files use.
struct NamedPolicy {
  NamedPolicy(const char* name, const char* variant, const hv::SchedulerSettings& settings = {})
      : memory(hv::scheduler_bytes()), arena{memory.data(), memory.size()} {
    policy = hv::make_scheduler(name, variant, settings, arena);
    if (policy == nullptr) throw std::invalid_argument{std::string{"no scheduler "} + name + ' ' + variant};
  }
  std::vector<std::byte> memory;
  hv::Arena arena;
  hv::Scheduler* policy;
};

// The policy first: the host is made with it.
struct NamedPolicyHost : NamedPolicy, PolicyHost {
  NamedPolicyHost(const char* name, const char* variant, hv::u32 cpus, const hv::SchedulerSettings& settings = {})
      : NamedPolicy{name, variant, settings}, PolicyHost{*policy, cpus} {}
};

}  // namespace test
