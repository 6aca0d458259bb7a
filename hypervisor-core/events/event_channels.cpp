#include "events/event_channels.h"

namespace hv {

namespace {

constexpr u32 kPendingWord = HV_SHARED_WORD(ports_pending);
constexpr u32 kMaskWord = HV_SHARED_WORD(ports_mask);
constexpr u32 kPhysicalIrqs = 64;

constexpr u32 word_of(u32 port) { return port / 32; }
constexpr u32 bit_of(u32 port) { return 1u << port % 32; }

}  // namespace

// --- delivery --------------------------------------------------------------------------------------------------------

void EventChannels::set_pending(Domain& domain, u32 port) {
  EventPort& target = *domain.events.find(port);
  EventCounts& counts = domain.events.counts;
  const hw::Words page = shared(domain);
  clock_.cpu().work(hw::Step::event_send);
  if (observer_ != nullptr) observer_->event_sent(domain, port);

  ++counts.sent;
  if ((page.fetch_or(kPendingWord + word_of(port), bit_of(port)) & bit_of(port)) != 0) {
    ++counts.merged;
    return;
  }
  if (target.outstanding) ++counts.delivered;  // the one before: the guest has cleared its bit
  target.outstanding = true;

  if ((page.load(kMaskWord + word_of(port)) & bit_of(port)) == 0) notify(domain, port);
}

void EventChannels::notify(Domain& domain, u32 port) {
  const hw::Words page = shared(domain);
  Vcpu& vcpu = *domain.vcpus[domain.events.find(port)->vcpu];
  if ((page.fetch_or(first_word(vcpu) + kSelector, 1u << word_of(port)) & 1u << word_of(port)) != 0) return;
  clock_.cpu().work(hw::Step::event_notify);
  page.store(first_word(vcpu) + kUpcallPending, 1);
  if (vcpu.state == RunState::running && vcpu.cpu != clock_.cpu().id()) {
    run_states_.kick(vcpu.cpu);  // for the upcall
  } else if (vcpu.blocked) {
    run_states_.wake(vcpu, clock_.now());
  }
}

void EventChannels::send_virq(Vcpu& vcpu, Virq virq) {
  const u32 port = vcpu.domain->events.virq_port[vcpu.id][static_cast<u32>(virq)];
  if (port != 0) set_pending(*vcpu.domain, port);
}

bool EventChannels::upcall_pending(const Vcpu& vcpu) {
  return shared(*vcpu.domain).load(first_word(vcpu) + kUpcallPending) != 0;
}

// --- the hypercall ---------------------------------------------------------------------------------------------------

HypercallResult EventChannels::operate(Caller& caller, u32 address) {
  EventChannelOp op;
  caller.cpu.work(hw::Step::event_channel_op);
  if (!caller.cpu.copy_from_guest(&op, address, sizeof op)) return Error::bad_address;
  const HypercallResult result = perform(caller, op);
  if (result.ok() && !caller.cpu.copy_to_guest(address, &op, sizeof op)) return Error::bad_address;
  return result;
}

HypercallResult EventChannels::perform(Caller& caller, EventChannelOp& op) {
  switch (static_cast<EventChannelCommand>(op.command)) {
    case EventChannelCommand::bind_interdomain:
      return bind_interdomain(caller, op);
    case EventChannelCommand::bind_virq:
      return bind_virq(caller, op);
    case EventChannelCommand::bind_pirq:
      // Every device line belongs to one of the core's own drivers.
      return op.number >= kPhysicalIrqs ? Error::invalid : Error::busy;
    case EventChannelCommand::close:
      return close(caller, op);
    case EventChannelCommand::send:
      return send(caller.domain, op.port1);
    case EventChannelCommand::status:
      return status(caller, op);
    case EventChannelCommand::alloc_unbound:
      return alloc_unbound(caller.domain, op);
    case EventChannelCommand::bind_ipi:
      return bind_ipi(caller.domain, op);
    case EventChannelCommand::bind_vcpu:
      return bind_vcpu(caller.domain, op);
  }
  return Error::not_implemented;
}

Domain* EventChannels::named_domain(Caller& caller, u32 id) {
  if (id == kDomainSelf) return &caller.domain;
  Domain* domain = domains_.find(id);
  return domain == nullptr || domain->dying ? nullptr : domain;
}

// The lowest closed port that is not `except`.
HypercallResult EventChannels::free_port(Domain& domain, u32 except, u32& port) {
  for (port = 1; port < kMaxPorts; ++port) {
    PortBlock*& block = domain.events.blocks[port / kPortsPerBlock];
    if (block == nullptr) {
      const u64 taken_before = arena_.taken();
      block = arena_.make<PortBlock>();
      if (block == nullptr) return Error::no_memory;
      domain.arena_bytes += arena_.taken() - taken_before;
    }
    if (port != except && domain.events.find(port)->state == PortState::closed) return HypercallResult::success();
  }
  return Error::no_space;
}

HypercallResult EventChannels::alloc_unbound(Domain& domain, EventChannelOp& op) {
  const u32 remote = op.dom1 == kDomainSelf ? domain.id : op.dom1;
  if (remote >= kDomainSelf) return Error::no_such_domain;
  u32 port;
  if (const HypercallResult found = free_port(domain, 0, port); !found.ok()) return found;
  EventPort& opened = *domain.events.find(port);
  opened.state = PortState::unbound;
  opened.vcpu = 0;
  opened.remote_domain = static_cast<u16>(remote);
  op.port1 = port;
  return HypercallResult::success();
}

HypercallResult EventChannels::bind_interdomain(Caller& caller, EventChannelOp& op) {
  if (!caller.domain.privileged && op.dom1 != kDomainSelf) return Error::not_permitted;
  if (static_cast<s32>(op.port1) < 0 || static_cast<s32>(op.port2) < 0) return Error::invalid;
  Domain* first = named_domain(caller, op.dom1);
  Domain* second = named_domain(caller, op.dom2);
  if (first == nullptr || second == nullptr) return Error::no_such_domain;

  u32 port1 = op.port1, port2 = op.port2;
  if (port1 == 0)
    if (const HypercallResult found = free_port(*first, first == second ? port2 : 0, port1); !found.ok()) return found;
  EventPort* end1 = first->events.find(port1);
  if (end1 == nullptr) return Error::invalid;
  if (port2 == 0 && end1->state == PortState::interdomain) port2 = end1->remote_port;
  if (port2 == 0)
    if (const HypercallResult found = free_port(*second, first == second ? port1 : 0, port2); !found.ok()) return found;
  EventPort* end2 = second->events.find(port2);
  if (end2 == nullptr || end1 == end2) return Error::invalid;

  const auto joined = [](const EventPort& end, const Domain& peer, u32 port) {
    return end.state == PortState::interdomain && end.remote_domain == peer.id && end.remote_port == port;
  };
  const auto may_join = [](const EventPort& end, const Domain& peer) {
    return end.state == PortState::closed || (end.state == PortState::unbound && end.remote_domain == peer.id);
  };
  if (op.port1 == 0 && end2->state == PortState::interdomain && end2->remote_domain == first->id) {
    port1 = end2->remote_port;
    end1 = first->events.find(port1);
  }
  if (!joined(*end1, *second, port2)) {
    if (!may_join(*end1, *second) || !may_join(*end2, *first)) return Error::invalid;
    // Nobody offered this port: only domain 0 may open one in another domain's name.
    if (end2->state == PortState::closed && second != &caller.domain && !caller.domain.privileged)
      return Error::not_permitted;
    const auto join = [](EventPort& end, const Domain& peer, u32 port) {
      end.state = PortState::interdomain;
      end.remote_domain = static_cast<u16>(peer.id);
      end.remote_port = static_cast<u16>(port);
    };
    join(*end1, *second, port2);
    join(*end2, *first, port1);
  }
  op.port1 = port1;
  op.port2 = port2;
  return HypercallResult::success();
}

HypercallResult EventChannels::bind_virq(Caller& caller, EventChannelOp& op) {
  if (op.number >= static_cast<u32>(Virq::count)) return Error::invalid;
  u16& bound = caller.domain.events.virq_port[caller.vcpu.id][op.number];
  if (bound == 0 && op.number != static_cast<u32>(Virq::misdirect)) {
    u32 port;
    if (const HypercallResult found = free_port(caller.domain, 0, port); !found.ok()) return found;
    EventPort& opened = *caller.domain.events.find(port);
    opened.state = PortState::virq;
    opened.vcpu = static_cast<u8>(caller.vcpu.id);
    opened.number = static_cast<u16>(op.number);
    bound = static_cast<u16>(port);
  }
  op.port1 = bound;
  return HypercallResult::success();
}

HypercallResult EventChannels::bind_ipi(Domain& domain, EventChannelOp& op) {
  if (op.number >= domain.vcpu_count) return Error::no_such_entry;
  u32 port;
  if (const HypercallResult found = free_port(domain, 0, port); !found.ok()) return found;
  EventPort& opened = *domain.events.find(port);
  opened.state = PortState::ipi;
  opened.vcpu = static_cast<u8>(op.number);
  opened.number = static_cast<u16>(op.number);
  op.port1 = port;
  return HypercallResult::success();
}

HypercallResult EventChannels::bind_vcpu(Domain& domain, const EventChannelOp& op) {
  if (op.number >= domain.vcpu_count) return Error::no_such_entry;
  EventPort* port = domain.events.find(op.port1);
  if (port == nullptr || (port->state != PortState::unbound && port->state != PortState::interdomain))
    return Error::invalid;
  port->vcpu = static_cast<u8>(op.number);
  // The vCPU before may have been told of an event that it now leaves alone: so the new one is told again.
  const hw::Words page = shared(domain);
  const u32 pending = page.load(kPendingWord + word_of(op.port1)) & ~page.load(kMaskWord + word_of(op.port1));
  if ((pending & bit_of(op.port1)) != 0) notify(domain, op.port1);
  return HypercallResult::success();
}

HypercallResult EventChannels::close(Caller& caller, EventChannelOp& op) {
  if (op.dom1 != kDomainSelf && !caller.domain.privileged) return Error::not_permitted;
  Domain* domain = named_domain(caller, op.dom1);
  if (domain == nullptr) return Error::no_such_domain;
  const EventPort* port = domain->events.find(op.port1);
  if (op.port1 == 0 || port == nullptr || port->state == PortState::closed) return Error::invalid;
  close_port(*domain, op.port1);
  return HypercallResult::success();
}

HypercallResult EventChannels::send(Domain& domain, u32 port) {
  const EventPort* from = domain.events.find(port);
  if (from == nullptr) return Error::invalid;
  if (from->state == PortState::ipi) {
    set_pending(domain, port);
    return HypercallResult::success();
  }
  if (from->state != PortState::interdomain) return Error::invalid;
  set_pending(*domains_.find(from->remote_domain), from->remote_port);
  return HypercallResult::success();
}

HypercallResult EventChannels::status(Caller& caller, EventChannelOp& op) {
  if (op.dom1 != kDomainSelf && !caller.domain.privileged) return Error::not_permitted;
  Domain* domain = named_domain(caller, op.dom1);
  if (domain == nullptr) return Error::no_such_domain;
  const EventPort* port = domain->events.find(op.port1);
  if (port == nullptr) return Error::invalid;
  op.state = static_cast<u32>(port->state);
  op.dom2 = port->remote_domain;
  op.port2 = port->remote_port;
  op.number = port->number;
  return HypercallResult::success();
}

// --- life of a port --------------------------------------------------------------------------------------------------

void EventChannels::close_port(Domain& domain, u32 port) {
  EventPort& closed = *domain.events.find(port);
  if (closed.state == PortState::interdomain) {
    EventPort& peer = *domains_.find(closed.remote_domain)->events.find(closed.remote_port);
    peer.state = PortState::unbound;  // it may be joined again by this domain
    peer.remote_domain = static_cast<u16>(domain.id);
    peer.remote_port = 0;
  }
  if (closed.state == PortState::virq) domain.events.virq_port[closed.vcpu][closed.number] = 0;

  // An event still waiting must not reach whoever gets the port next.
  const u32 before = shared(domain).fetch_and(kPendingWord + word_of(port), ~bit_of(port));
  if (closed.outstanding) {
    EventCounts& counts = domain.events.counts;
    ++((before & bit_of(port)) != 0 ? counts.dropped : counts.delivered);
  }
  closed = EventPort{};
}

bool EventChannels::prepare(Domain& domain) {
  u32 first;
  if (!free_port(domain, 0, first).ok()) return false;
  EventPort& zero = *domain.events.find(0);
  zero.state = PortState::virq;
  zero.number = static_cast<u16>(Virq::misdirect);
  return true;
}

void EventChannels::close_all(Domain& domain) {
  for (u32 port = 0; port < kMaxPorts; ++port) {
    const EventPort* open = domain.events.find(port);
    if (open != nullptr && open->state != PortState::closed) close_port(domain, port);
  }
  retired_ += domain.events.counts;
  domain.events.counts = EventCounts{};
}

EventCounts EventChannels::settle(Domain& domain, u64& outstanding) {
  const hw::Words page = shared(domain);
  outstanding = 0;
  for (u32 port = 0; port < kMaxPorts; ++port) {
    EventPort* open = domain.events.find(port);
    if (open == nullptr || !open->outstanding) continue;
    if ((page.load(kPendingWord + word_of(port)) & bit_of(port)) != 0) {
      ++outstanding;
    } else {
      open->outstanding = false;
      ++domain.events.counts.delivered;
    }
  }
  return domain.events.counts;
}

}  // namespace hv
