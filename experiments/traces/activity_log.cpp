#include "experiments/traces/activity_log.h"

#include <algorithm>

#include "domain.h"

namespace runner {

namespace {

bool runs(const Activity& change) {  // before or after
  return change.before == hv::RunState::running || change.after == hv::RunState::running;
}

}  // namespace

VcpuName name_of(const hv::Vcpu& vcpu) {
  return vcpu.is_idle ? VcpuName{kIdleDomain, vcpu.cpu} : VcpuName{vcpu.domain->id, vcpu.id};
}

const char* state_name(hv::RunState state) {
  switch (state) {
    case hv::RunState::offline:
      return "offline";
    case hv::RunState::paused:
      return "paused";
    case hv::RunState::blocked:
      return "blocked";
    case hv::RunState::runnable:
      return "runnable";
    case hv::RunState::running:
      return "running";
  }
  __builtin_unreachable();
}

void ActivityLog::decided(hv::CpuId by, const hv::Vcpu&, const hv::Decision& decision, const hv::Scheduler&,
                          hv::SystemTime now, sim::Time at) {
  const hv::Vcpu& next = *decision.vcpu;
  Activity activity{.kind = Activity::Kind::decided, .cpu = by, .vcpu = name_of(next)};
  if (decision.until != hv::kNever) activity.slice_ns = decision.until - now;
  if (next.state == hv::RunState::runnable) activity.waited_ns = now - next.runnable_since;
  add(at, activity);
}

// When a change of state comes, with what is reported already of the same vCPU and the same CPU.
sim::Time ActivityLog::in_history(const Activity& change, sim::Time at) {
  auto history = std::ranges::lower_bound(histories_, change.vcpu, {}, &History::vcpu);
  if (history == histories_.end() || history->vcpu != change.vcpu) {
    history = histories_.insert(history, {change.vcpu, at});
  }
  if (runs(change)) at = std::max(at, switched_[change.cpu]);
  if (at < history->last) {
    const auto earlier = [&](const Activity& other) {
      return other.kind == Activity::Kind::state && other.vcpu == change.vcpu;
    };
    waiting_.for_each_waiting([&](sim::Time& when, const Activity& other) {
      if (earlier(other) && when > at && (runs(other) || !runs(change))) at = when;
    });
    waiting_.for_each_waiting([&](sim::Time& when, const Activity& other) {
      if (earlier(other)) when = std::min(when, at);
    });
  }
  history->last = at;
  if (runs(change)) switched_[change.cpu] = at;
  return at;
}

void ActivityLog::state_changed(hv::CpuId by, const hv::Vcpu& vcpu, hv::RunState before, sim::Time at) {
  const Activity change{
      .kind = Activity::Kind::state, .cpu = by, .vcpu = name_of(vcpu), .before = before, .after = vcpu.state};
  add(in_history(change, at), change);
}

void ActivityLog::event_sent(hv::CpuId by, const hv::Vcpu& to, std::uint32_t port, sim::Time at) {
  add(at, {.kind = Activity::Kind::event, .cpu = by, .vcpu = name_of(to), .number = port});
}

void ActivityLog::entered(hv::CpuId cpu, model::EntryKind kind, const hw::Registers& registers,
                          std::uint32_t fault_address, sim::Time at) {
  Activity activity{.kind = Activity::Kind::entered, .cpu = cpu, .entry = kind, .number = registers.vector};
  activity.eip = registers.eip;
  if (kind == model::EntryKind::hypercall) {
    activity.number = registers.eax;
    activity.arguments = {registers.ebx, registers.ecx, registers.edx, registers.esi, registers.edi};
  } else if (kind == model::EntryKind::exception) {
    activity.address = fault_address;
    activity.error = registers.error_code;
  }
  entered_[cpu] = at;
  add(at, activity);
}

void ActivityLog::worked(hv::CpuId cpu, hw::Step step, std::uint32_t times) {
  if (entered_[cpu] == sim::Time::never()) return;  // at power-on
  add(entered_[cpu],
      {.kind = Activity::Kind::worked, .cpu = cpu, .number = static_cast<std::uint32_t>(step), .times = times});
}

void ActivityLog::left(hv::CpuId cpu, sim::Time at) {
  entered_[cpu] = sim::Time::never();
  add(at, {.kind = Activity::Kind::left, .cpu = cpu});
}

void ActivityLog::passed(sim::Time now) {
  latest_ = std::max(latest_, now);
  release(now);
  written(now);
}

sim::Time ActivityLog::write_rest() {
  release(sim::Time::never());
  return latest_;
}

}  // namespace runner
