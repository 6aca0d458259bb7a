// Event channels: the asynchronous notifications of a domain, standing in for its device interrupts.
//
// A port is pending or not; sending to a pending port merges. The bits are in the domain's shared-info page, where the
// guest reads and clears them without a hypercall. When an unmasked port becomes pending its vCPU is unblocked, and
// the next return to the guest bounces to its event callback unless it has deferred that (upcall_mask).
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "base/types.h"
#include "caller.h"
#include "domain.h"
#include "domain_table.h"
#include "hardware/memory.h"
#include "interface/events.h"
#include "interface/shared_info.h"
#include "observer.h"
#include "schedule/run_state.h"
#include "time/system_clock.h"

namespace hv {

class EventChannels {
 public:
  EventChannels(hw::Memory& memory, Arena& arena, DomainTable& domains, RunStates& run_states, SystemClock& clock)
      : memory_{memory}, arena_{arena}, domains_{domains}, run_states_{run_states}, clock_{clock} {}

  void observe(Observer* observer) { observer_ = observer; }

  // The hypercall: reads an EventChannelOp at `address`, performs it, writes it back.
  HypercallResult operate(Caller& caller, u32 address);

  // Sends a virtual interrupt. Nothing happens while the vCPU has not bound it.
  void send_virq(Vcpu& vcpu, Virq virq);

  // Makes `port` of `domain` pending, in the order that the guest's side relies on: pending bit, mask, then of the vCPU
  // it is bound to the selector bit, upcall_pending, unblock. The port must not be closed.
  void set_pending(Domain& domain, u32 port);

  // An unmasked event waits, and the guest has not deferred upcalls.
  bool upcall_due(const Vcpu& vcpu) {
    if (vcpu.event_eip == 0) return false;  // an idle vCPU's, too
    const hw::Words page = shared(*vcpu.domain);
    const u32 words = first_word(vcpu);
    return page.load(words + kUpcallPending) != 0 && page.load(words + kUpcallMask) == 0;
  }
  bool upcall_pending(const Vcpu& vcpu);  // deferred or not
  void set_upcall_mask(const Vcpu& vcpu, bool masked) {
    shared(*vcpu.domain).store(first_word(vcpu) + kUpcallMask, masked ? 1 : 0);
  }

  // A fresh domain: port 0 is taken, so that 0 can mean "none". Needs the shared-info frame.
  bool prepare(Domain& domain);
  // Frees every port; peers become unbound, waiting for this domain's id.
  void close_all(Domain& domain);

  // Counts of a domain with every clear pending bit accounted as delivered, and how many are outstanding.
  EventCounts settle(Domain& domain, u64& outstanding);
  const EventCounts& retired() const { return retired_; }  // of domains that are gone

 private:
  HypercallResult perform(Caller& caller, EventChannelOp& op);
  HypercallResult alloc_unbound(Domain& domain, EventChannelOp& op);
  HypercallResult bind_interdomain(Caller& caller, EventChannelOp& op);
  HypercallResult bind_virq(Caller& caller, EventChannelOp& op);
  HypercallResult bind_ipi(Domain& domain, EventChannelOp& op);
  HypercallResult bind_vcpu(Domain& domain, const EventChannelOp& op);
  HypercallResult close(Caller& caller, EventChannelOp& op);
  HypercallResult send(Domain& domain, u32 port);
  HypercallResult status(Caller& caller, EventChannelOp& op);

  Domain* named_domain(Caller& caller, u32 id);                      // kDomainSelf or an id; null: none
  HypercallResult free_port(Domain& domain, u32 except, u32& port);  // no_space, no_memory
  void close_port(Domain& domain, u32 port);
  void notify(Domain& domain, u32 port);  // its vCPU, of a port that is pending and not masked
  // The vCPU's SharedVcpu in the shared-info page, and its words.
  static constexpr u32 kUpcallPending = offsetof(SharedVcpu, upcall_pending) / 4,
                       kUpcallMask = offsetof(SharedVcpu, upcall_mask) / 4,
                       kSelector = offsetof(SharedVcpu, pending_selector) / 4;
  static u32 first_word(const Vcpu& vcpu) { return HV_SHARED_WORD(vcpu) + vcpu.id * (sizeof(SharedVcpu) / 4); }
  hw::Words shared(const Domain& domain) { return memory_.frame(domain.shared_info); }

  hw::Memory& memory_;
  Arena& arena_;
  DomainTable& domains_;
  RunStates& run_states_;
  SystemClock& clock_;
  Observer* observer_ = nullptr;
  EventCounts retired_;
};

}  // namespace hv
