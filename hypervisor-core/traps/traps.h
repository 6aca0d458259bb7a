// Exceptions, and the hypercalls that say where a guest wants them and how its CPU state is kept.
//
// The hypervisor takes every exception first and bounces it to the guest's handler in ring 1, except what it can settle
// by itself: the lazy switch of the FPU, and a descriptor table used for the first time. A guest that cannot take its
// exception (no handler, no stack) is crashed; nobody else notices.
#pragma once

#include "base/error.h"
#include "base/types.h"
#include "caller.h"
#include "control/domain_lifecycle.h"
#include "events/event_channels.h"
#include "hardware/registers.h"
#include "memory/memory_manager.h"
#include "traps/guest_frame.h"
#include "traps/trap_table.h"

namespace hv {

class Traps {
 public:
  Traps(MemoryManager& memory, EventChannels& events, DomainLifecycle& lifecycle)
      : memory_{memory}, events_{events}, lifecycle_{lifecycle} {}

  // --- entries of the caller's vCPU --------------------------------------------------------------------------------
  // `registers` has the vector and error code; `fault_address` is CR2 of a page fault, DR6 of a debug exception.
  void exception(Caller& caller, hw::Registers& registers, u32 fault_address);
  // INT 0x82 outside ring 1: its gate lets nobody else through.
  void hypercall_refused(Caller& caller, hw::Registers& registers);
  // Loading the guest's registers faulted on the way back to it: its failsafe handler sorts that out.
  void return_fault(Caller& caller, hw::Registers& registers);
  // Bounces to the event callback, with further upcalls deferred. False: it cannot be, and the domain was crashed.
  bool upcall(Caller& caller, hw::Registers& registers);

  // --- hypercalls ----------------------------------------------------------------------------------------------------
  // Entries up to one with address 0. not_permitted: bad code selector; bad_address. Entries before that stand.
  HypercallResult set_trap_table(Caller& caller, u32 list);
  // not_permitted: a bad code selector, nothing changed.
  HypercallResult set_callbacks(Caller& caller, u32 event_cs, u32 event_eip, u32 failsafe_cs, u32 failsafe_eip);
  // Lets ring 3 enter the trap table's handler of `vector` without the hypervisor; 0: none any more. not_permitted: not
  // a vector that may be (0x80, 0x20..0x2f), or its entry masks events (nobody would be there to do it), has no
  // handler, or is not for ring 3. The gate stays as it is until set again.
  HypercallResult set_fast_trap(Caller& caller, u32 vector);
  HypercallResult stack_switch(Caller& caller, u32 ss, u32 esp);  // not_permitted: RPL of `ss` is not 1
  // The guest wants to know when the FPU is used next.
  HypercallResult fpu_taskswitch(Caller& caller);
  // invalid: no such register. not_permitted: address in the hypervisor's part, I/O breakpoint, or DR7.GD.
  HypercallResult set_debug_register(Caller& caller, u32 number, u32 value);
  HypercallResult get_debug_register(Caller& caller, u32 number);

 private:
  void bounce(Caller& caller, hw::Registers& registers, u32 vector, GuestFrame& frame);
  void general_protection(Caller& caller, hw::Registers& registers);
  void fpu_used(Caller& caller, hw::Registers& registers);

  MemoryManager& memory_;
  EventChannels& events_;
  DomainLifecycle& lifecycle_;
};

}  // namespace hv
