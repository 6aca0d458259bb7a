// Event channels: ports, their states and the operations on them. (Numbers of Xen 2.0; those of several vCPUs of 3.0.)
#pragma once

#include "base/types.h"

namespace hv {

inline constexpr u32 kMaxPorts = 1024;

enum class Virq : u32 {
  misdirect = 0,
  timer = 1,
  debug = 2,
  console = 3,
  domain_exception = 4,
  network = 5,
  virtual_timer = 6,
  block = 7,
  count = 8
};

enum class PortState : u32 { closed = 0, unbound = 1, interdomain = 2, pirq = 3, virq = 4, ipi = 5 };

enum class EventChannelCommand : u32 {
  bind_interdomain = 0,  // dom1, port1, dom2, port2; 0 port: any free one, filled in
  bind_virq = 1,         // number -> port
  bind_pirq = 2,         // number, flags -> port
  close = 3,             // dom, port
  send = 4,              // port
  status = 5,            // dom, port -> state, and what it is bound to
  alloc_unbound = 6,     // dom -> port
  bind_ipi = 7,          // number: one of the domain's vCPUs -> port; what is sent to it reaches that vCPU
  bind_vcpu = 8,  // port, number: its events reach that vCPU. Of unbound and interdomain ports; others have theirs
};

// Argument block of event_channel_op; the results are written back into it.
struct EventChannelOp {
  u32 command;
  u32 dom1, port1;
  u32 dom2, port2;
  u32 number;  // VIRQ, physical IRQ or vCPU
  u32 state;   // PortState, from status
};
static_assert(sizeof(EventChannelOp) == 28);

}  // namespace hv
