#include "audit.h"

#include "hypervisor.h"

namespace hv {

namespace {

// Counted from the table: O(frames) for each domain.
bool owners_agree(Hypervisor& core) {
  const FrameTable& frames = core.memory().frames();
  bool agree = frames.audit_owned(kOwnerFree) == frames.free_count();
  core.domains().for_each([&](Domain& domain) {
    const DomainMemory& memory = domain.memory;
    agree = agree && frames.audit_owned(static_cast<OwnerId>(domain.id)) == memory.frames.count + memory.shared.count;
  });
  return agree;
}

// Where every frame on a list has the list's owner and there are as many on lists as in the table, none is on no list
// or on another's. If not, the owners are counted to say which.
const char* audit_frames(Hypervisor& core) {
  FrameTable& frames = core.memory().frames();
  u32 sum = frames.free_count() + frames.hypervisor().count + frames.orphans().count;
  bool lists_hold = frames.audit_list(frames.free_list()) && frames.audit_list(frames.hypervisor()) &&
                    frames.audit_list(frames.orphans());
  core.domains().for_each([&](Domain& domain) {
    const DomainMemory& memory = domain.memory;
    sum += memory.frames.count + memory.shared.count;
    lists_hold = lists_hold && frames.audit_list(memory.frames) && frames.audit_list(memory.shared);
  });
  if (!lists_hold) return "a list of frames is broken";
  if (sum == frames.frame_count()) return nullptr;
  if (!owners_agree(core)) return "a frame's owner is not whose list it is on";
  return "frames of all owners do not sum to the machine's memory";
}

const char* audit_time(Hypervisor& core) {
  RunStates& run_states = core.run_states();
  const SystemTime now = 0;  // the law holds at any time, and reading the clock would take some
  SystemTime spent = core.lifecycle().retired_cpu_time(), elapsed = 0;
  for (CpuId cpu = 0; cpu < run_states.cpu_count(); ++cpu) {
    spent += run_states.cpu_time(run_states.idle(cpu), now);
    elapsed += core.booted_at(cpu) == kNever ? 0 : now - core.booted_at(cpu);
  }
  core.domains().for_each([&](Domain& domain) {
    for (u32 i = 0; i < domain.vcpu_count; ++i) spent += run_states.cpu_time(*domain.vcpus[i], now);
  });
  return spent == elapsed ? nullptr : "time run and idle is not the time elapsed on all CPUs";
}

const char* audit_run_states(Hypervisor& core) {
  RunStates& run_states = core.run_states();
  const char* violation = nullptr;
  core.domains().for_each([&](Domain& domain) {
    for (u32 i = 0; i < domain.vcpu_count; ++i) {
      const Vcpu& vcpu = *domain.vcpus[i];
      const bool on_cpu = run_states.running(vcpu);
      if (on_cpu != (vcpu.state == RunState::running)) violation = "a vCPU is running in one table and not in another";
      if (!on_cpu && vcpu.linked() && vcpu.state != RunState::runnable) violation = "a vCPU is queued and not runnable";
      if (vcpu.state == RunState::runnable && !run_states.scheduler().waits(vcpu))
        violation = "a vCPU is runnable and not queued";
      if (!on_cpu && domain.built && vcpu.directory != MachineFrame::none() && vcpu.registers.ring() == 0)
        violation = "a vCPU would return to ring 0";
    }
  });
  return violation;
}

const char* audit_events(Hypervisor& core) {
  const char* violation = nullptr;
  core.domains().for_each([&](Domain& domain) {
    u64 outstanding = 0;
    const EventCounts counts = core.events().settle(domain, outstanding);
    if (counts.sent != counts.delivered + counts.merged + counts.dropped + outstanding)
      violation = "an event was sent and neither delivered, merged, dropped nor pending";
  });
  const EventCounts& past = core.events().retired();
  if (past.sent != past.delivered + past.merged + past.dropped) violation = "events of destroyed domains do not add up";
  return violation;
}

}  // namespace

const char* audit(Hypervisor& core) {
  for (const char* (*law)(Hypervisor&) : {audit_frames, audit_time, audit_run_states, audit_events})
    if (const char* violation = law(core)) return violation;
  if (!core.network().audit().conserved()) return "packets that arrived or were sent do not add up";
  if (!core.block().audit().conserved()) return "block requests, their frames or the disk's commands do not add up";
  return nullptr;
}

}  // namespace hv
