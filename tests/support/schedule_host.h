// The generic scheduling layer over BVT, whose vCPUs have an mcu_advance and virtual times.
#pragma once

#include "schedule/bvt.h"
#include "support/policy_host.h"

namespace test {

struct BvtPolicy {
  hv::Bvt bvt;
};

struct ScheduleHost : BvtPolicy, PolicyHost {
  explicit ScheduleHost(const hv::BvtRules& rules, hv::SystemTime allowance = 5 * kMillisecond, hv::u32 cpus = 1,
                        hv::SystemTime slop = 0)
      : BvtPolicy{{rules, allowance}}, PolicyHost{bvt, cpus, slop} {}

  // A vCPU that waits for its first event.
  hv::Vcpu& add(hv::u32 mcu_advance = 10, hv::u32 cpus = hv::kAllCpus) {
    hv::Vcpu& vcpu = create(cpus);
    static_cast<void>(bvt.adjust(vcpu, {.mcu_advance = mcu_advance}, now));
    return vcpu;
  }
  // A vCPU that computes for ever.
  hv::Vcpu& add_hog(hv::u32 mcu_advance = 10, hv::u32 cpus = hv::kAllCpus) {
    hv::Vcpu& vcpu = add(mcu_advance, cpus);
    wake(vcpu);
    return vcpu;
  }

  hv::VirtualTime svt(const hv::Vcpu& vcpu) const { return bvt.inspect(vcpu).values[0]; }
  hv::VirtualTime avt(const hv::Vcpu& vcpu) const { return bvt.inspect(vcpu).values[1]; }
  hv::VirtualTime evt(const hv::Vcpu& vcpu) const { return bvt.inspect(vcpu).values[2]; }
  bool warped(const hv::Vcpu& vcpu) const { return bvt.inspect(vcpu).values[3] != 0; }
};

}  // namespace test
