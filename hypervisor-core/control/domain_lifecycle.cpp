#include "control/domain_lifecycle.h"

#include "control/console.h"
#include "domain.h"
#include "interface/layout.h"

namespace hv {

namespace {

constexpr u32 kEflagsReserved = 1u << 1;  // always set

}  // namespace

HypercallResult DomainLifecycle::create(u32 kilobytes, u32 vcpus, u32 cpus, Domain*& created) {
  if (vcpus == 0 || vcpus > kMaxVcpusPerDomain) return Error::invalid;
  if (!run_states_.exist(cpus)) return Error::invalid;
  Domain* domain = domains_.create(vcpus);
  if (domain == nullptr) return Error::no_memory;
  domain->privileged = domain->id == kDomain0;

  HypercallResult given = memory_.allocate_frames(*domain, kilobytes / (kPageSize / 1024));
  if (given.ok()) {
    domain->shared_info = memory_.share_frame(*domain);
    if (domain->shared_info == MachineFrame::none() || !events_.prepare(*domain)) given = Error::no_memory;
  }
  if (!given.ok()) {
    memory_.release_all(clock_.cpu(), *domain);
    domains_.free(*domain);
    return given;
  }

  domain->paused = true;  // the pause that a vCPU is added with
  for (u32 i = 0; i < vcpus; ++i) {
    domain->vcpus[i]->leader = domain->vcpus[0];
    run_states_.add(*domain->vcpus[i], cpus);
    if (i != 0) run_states_.pause(*domain->vcpus[i], clock_.now());  // and one more until something starts it
  }
  created = domain;
  return HypercallResult::success();
}

HypercallResult DomainLifecycle::build(Domain& domain, const BuildDomain& start) {
  if (domain.built) return Error::invalid;
  Vcpu& vcpu = *domain.vcpus[0];
  const HypercallResult begun = begin_at(vcpu, start);
  if (!begun.ok()) return begun;
  vcpu.up = true;
  domain.built = true;
  return HypercallResult::success();
}

HypercallResult DomainLifecycle::begin_at(Vcpu& vcpu, const BuildDomain& start) {
  if (start.entry_eip >= kHypervisorStart || start.entry_esp > kHypervisorStart) return Error::invalid;
  const MachineFrame directory{start.directory_frame};
  if (!memory_.take_directory(*vcpu.domain, directory)) return Error::invalid;
  vcpu.directory = directory;

  hw::Registers& registers = vcpu.registers;
  registers.ds = registers.es = registers.fs = registers.gs = registers.ss = hw::kRing1Ds;
  registers.cs = hw::kRing1Cs;
  registers.eip = start.entry_eip;
  registers.esp = start.entry_esp;
  registers.esi = start.start_info_address;
  registers.eflags = hw::kInterruptFlag | kEflagsReserved;
  vcpu.ring1_ss = hw::kRing1Ds;
  vcpu.ring1_esp = start.entry_esp;
  vcpu.event_cs = vcpu.failsafe_cs = hw::kRing1Cs;
  vcpu.initialised = true;
  return HypercallResult::success();
}

void DomainLifecycle::pause(Domain& domain) {
  if (domain.paused) return;
  domain.paused = true;
  for (u32 i = 0; i < domain.vcpu_count; ++i) run_states_.pause(*domain.vcpus[i], clock_.now());
}

void DomainLifecycle::unpause(Domain& domain) {
  if (!domain.paused) return;
  domain.paused = false;
  for (u32 i = 0; i < domain.vcpu_count; ++i) run_states_.unpause(*domain.vcpus[i], clock_.now());
}

// A pause that nobody takes back.
void DomainLifecycle::stop(Domain& domain, const char* reason) {
  domain.death_reason = reason;
  ConsoleLine(machine_.console()).text("domain ").number(domain.id).text(": ").text(reason).end();
  if (domain.id == kDomain0) machine_.stop(reason);
  for (u32 i = 0; i < domain.vcpu_count; ++i) run_states_.pause(*domain.vcpus[i], clock_.now());
  if (Domain* domain0 = domains_.find(kDomain0)) events_.send_virq(*domain0->vcpus[0], Virq::domain_exception);
}

void DomainLifecycle::crash(Domain& domain, const char* reason) {
  if (domain.crashed) return;
  domain.crashed = true;
  stop(domain, reason);
}

void DomainLifecycle::shut_down(Domain& domain, u32 reason) {
  if (domain.shut_down) return;
  domain.shut_down = true;
  domain.shutdown_reason = reason;
  stop(domain, "shut down");
}

void DomainLifecycle::destroy(Domain& domain) {
  domain.dying = true;
  for (u32 i = 0; i < domain.vcpu_count; ++i) {
    run_states_.pause(*domain.vcpus[i], clock_.now());
    time_.forget(*domain.vcpus[i]);
  }
  network_.destroy_vifs(domain);
  block_.destroy_vbds(clock_.cpu(), domain);
  events_.close_all(domain);
  reap(domain);
}

bool DomainLifecycle::running_somewhere(const Domain& domain) const {
  for (u32 i = 0; i < domain.vcpu_count; ++i)
    if (run_states_.running(*domain.vcpus[i])) return true;
  return false;
}

void DomainLifecycle::reap(Domain& domain) {
  if (!domain.dying || running_somewhere(domain)) return;
  for (u32 i = 0; i < domain.vcpu_count; ++i) {
    retired_cpu_time_ += domain.vcpus[i]->cpu_time;
    run_states_.remove(*domain.vcpus[i], clock_.now());
  }
  memory_.release_all(clock_.cpu(), domain);
  domains_.free(domain);
}

}  // namespace hv
