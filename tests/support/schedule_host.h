// The generic scheduling layer over one policy, with vCPUs that compute until the test says otherwise: what a machine
// would do on the way out of the core, without the machine.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>

#include "schedule/bvt.h"
#include "schedule/run_state.h"

namespace test {

inline constexpr hv::SystemTime kMillisecond = 1'000'000;

struct ScheduleHost {
  explicit ScheduleHost(const hv::BvtRules& rules, hv::SystemTime allowance = 5 * kMillisecond, hv::u32 cpus = 1,
                        hv::SystemTime slop = 0)
      : bvt{rules, allowance}, states{bvt, cpus, slop} {}

  // A vCPU that waits for its first event.
  hv::Vcpu& add(hv::u32 mcu_advance = 10, hv::u32 cpus = hv::kAllCpus) {
    hv::Vcpu& vcpu = vcpus.emplace_back();
    vcpu.id = static_cast<hv::VcpuId>(vcpus.size());
    states.add(vcpu, cpus);
    vcpu.blocked = true;
    states.unpause(vcpu, now);
    static_cast<void>(bvt.adjust(vcpu, {.mcu_advance = mcu_advance}, now));
    return vcpu;
  }
  // A vCPU that computes for ever.
  hv::Vcpu& add_hog(hv::u32 mcu_advance = 10, hv::u32 cpus = hv::kAllCpus) {
    hv::Vcpu& vcpu = add(mcu_advance, cpus);
    wake(vcpu);
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

  void run_until(hv::SystemTime end) {
    for (;;) {
      hv::CpuId first = 0;
      for (hv::CpuId cpu = 1; cpu < states.cpu_count(); ++cpu) {
        if (states.next_timer(cpu) < states.next_timer(first)) first = cpu;
      }
      if (states.next_timer(first) > end) break;
      now = states.next_timer(first);
      states.run_timers(first, now);
      settle();
    }
    now = end;
  }

  hv::SystemTime ran(const hv::Vcpu& vcpu) const { return states.cpu_time(vcpu, now); }
  hv::VirtualTime svt(const hv::Vcpu& vcpu) const { return bvt.inspect(vcpu).values[0]; }
  hv::VirtualTime avt(const hv::Vcpu& vcpu) const { return bvt.inspect(vcpu).values[1]; }
  hv::VirtualTime evt(const hv::Vcpu& vcpu) const { return bvt.inspect(vcpu).values[2]; }
  bool warped(const hv::Vcpu& vcpu) const { return bvt.inspect(vcpu).values[3] != 0; }
  hv::SystemTime slice_left(hv::CpuId cpu = 0) const { return states.run_until(cpu) - now; }

  hv::Bvt bvt;
  hv::RunStates states;
  std::deque<hv::Vcpu> vcpus;
  std::function<void(hv::CpuId)> on_choice;
  hv::SystemTime now = 0;
};

}  // namespace test
