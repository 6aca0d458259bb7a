// Tells the activity traces of a run what the core and the CPUs tell their observers.
#pragma once

#include <vector>

#include "hypervisor.h"
#include "model/machine.h"
#include "workloads/activity_trace.h"

namespace guest {

class CpuReporter final : public model::CpuObserver {
 public:
  explicit CpuReporter(const std::vector<ActivityTrace*>& traces) : traces_{traces} {}

  void entered(hv::CpuId cpu, model::EntryKind kind, const hw::Registers& registers, std::uint32_t fault_address,
               sim::Time at) override;
  void worked(hv::CpuId cpu, hw::Step step, std::uint32_t times) override;
  void left(hv::CpuId cpu, sim::Time at) override;

 private:
  const std::vector<ActivityTrace*>& traces_;
};

class CoreReporter final : public hv::Observer {
 public:
  CoreReporter(const std::vector<ActivityTrace*>& traces, model::Machine& machine, hv::Hypervisor& core);

  void decided(hv::CpuId cpu, const hv::Vcpu& previous, const hv::Decision& decision, const hv::Scheduler& policy,
               hv::SystemTime now) override;
  void state_changed(const hv::Vcpu& vcpu, hv::RunState before, hv::SystemTime now) override;
  void event_sent(const hv::Domain& to, hv::u32 port) override;

 private:
  sim::Time time_of(hv::SystemTime time) const { return booted_ + sim::Duration::nanoseconds(time); }
  hv::CpuId here() const { return machine_.running().id(); }

  const std::vector<ActivityTrace*>& traces_;
  model::Machine& machine_;
  hv::Hypervisor& core_;
  sim::Time booted_;  // where the core's time starts
};

}  // namespace guest
