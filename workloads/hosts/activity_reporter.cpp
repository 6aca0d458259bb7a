#include "workloads/hosts/activity_reporter.h"

namespace guest {

void CpuReporter::entered(hv::CpuId cpu, model::EntryKind kind, const hw::Registers& registers,
                          std::uint32_t fault_address, sim::Time at) {
  for (ActivityTrace* trace : traces_) trace->entered(cpu, kind, registers, fault_address, at);
}

void CpuReporter::worked(hv::CpuId cpu, hw::Step step, std::uint32_t times) {
  for (ActivityTrace* trace : traces_) trace->worked(cpu, step, times);
}

void CpuReporter::left(hv::CpuId cpu, sim::Time at) {
  for (ActivityTrace* trace : traces_) trace->left(cpu, at);
}

CoreReporter::CoreReporter(const std::vector<ActivityTrace*>& traces, model::Machine& machine, hv::Hypervisor& core)
    : traces_{traces},
      machine_{machine},
      core_{core},
      booted_{machine.clock().time_of(sim::Cycles{static_cast<std::int64_t>(core.clock().cycles_at(0))})} {}

void CoreReporter::decided(hv::CpuId cpu, const hv::Vcpu& previous, const hv::Decision& decision,
                           const hv::Scheduler& policy, hv::SystemTime now) {
  for (ActivityTrace* trace : traces_) trace->decided(cpu, previous, decision, policy, now, time_of(now));
}

void CoreReporter::state_changed(const hv::Vcpu& vcpu, hv::RunState before, hv::SystemTime now) {
  for (ActivityTrace* trace : traces_) trace->state_changed(here(), vcpu, before, time_of(now));
}

void CoreReporter::event_sent(const hv::Domain& to, hv::u32 port) {
  const hv::Vcpu& vcpu = *to.vcpus[core_.domains().find(to.id)->events.find(port)->vcpu];
  const hv::SystemTime now = core_.clock().at(static_cast<hv::u64>(machine_.running().cycles().count()));
  for (ActivityTrace* trace : traces_) trace->event_sent(here(), vcpu, port, time_of(now));
}

}  // namespace guest
