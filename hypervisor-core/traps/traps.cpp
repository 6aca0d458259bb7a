#include "traps/traps.h"

#include "interface/layout.h"

namespace hv {

namespace {

constexpr u32 kGpExternal = 1, kGpFromIdt = 2;  // error code of #GP: not the guest's doing; about an IDT gate
constexpr u32 kIntBytes = 2;                    // length of INT n

constexpr bool pushes_error_code(u32 vector) { return (vector >= 10 && vector <= 14) || vector == 17; }

// FNINIT's state as an FXSAVE image: all exceptions masked, extended precision.
hw::FpuImage initial_fpu() {
  hw::FpuImage image;
  image.bytes[0] = 0x7f;  // control word 0x037f
  image.bytes[1] = 0x03;
  image.bytes[24] = 0x80;  // MXCSR 0x1f80
  image.bytes[25] = 0x1f;
  return image;
}

}  // namespace

void Traps::bounce(Caller& caller, hw::Registers& registers, u32 vector, GuestFrame& frame) {
  caller.cpu.work(hw::Step::exception_bounce);
  const TrapEntry& entry = caller.domain.traps.entries[vector & 0xff];
  if (entry.address == 0) return lifecycle_.crash(caller.domain, "exception without a handler");
  if (!enter_guest(caller, registers, entry.cs, entry.address, frame))
    return lifecycle_.crash(caller.domain, "no stack to take an exception on");
  if ((entry.flags & kTrapMaskEvents) != 0) events_.set_upcall_mask(caller.vcpu, true);
}

void Traps::exception(Caller& caller, hw::Registers& registers, u32 fault_address) {
  GuestFrame frame;
  switch (registers.vector) {
    case hw::kVectorNoFpu:
      return fpu_used(caller, registers);
    case hw::kVectorDebug:
      caller.vcpu.debug_registers[6] = fault_address;
      if (caller.vcpu.debug_registers[7] == 0) return;  // left over from a vCPU that ran before
      break;
    case hw::kVectorPageFault:
      if (fault_address >= kHypervisorPrivate && memory_.map_ldt_page(caller, fault_address)) return;
      frame.push(registers.error_code);
      frame.push(fault_address);
      break;
    case hw::kVectorGeneralProtection:
      return general_protection(caller, registers);
    default:
      if (pushes_error_code(registers.vector)) frame.push(registers.error_code);
  }
  bounce(caller, registers, registers.vector, frame);
}

// All gates of the real IDT belong to the hypervisor, so INT n in a guest faults. If the guest's table lets that ring
// raise the vector, it is delivered as if the instruction had worked.
void Traps::general_protection(Caller& caller, hw::Registers& registers) {
  GuestFrame frame;
  if ((registers.error_code & (kGpExternal | kGpFromIdt)) == kGpFromIdt) {
    const u32 vector = registers.error_code >> 3 & 0xff;
    const TrapEntry& entry = caller.domain.traps.entries[vector];
    if (entry.address != 0 && (entry.flags & 3u) >= registers.ring()) {
      registers.eip += kIntBytes;
      return bounce(caller, registers, vector, frame);
    }
  }
  frame.push(registers.error_code);
  bounce(caller, registers, hw::kVectorGeneralProtection, frame);
}

void Traps::hypercall_refused(Caller& caller, hw::Registers& registers) {
  registers.eip -= kIntBytes;  // a fault points at the instruction
  registers.vector = hw::kVectorGeneralProtection;
  registers.error_code = hw::kVectorHypercall << 3 | kGpFromIdt;
  general_protection(caller, registers);
}

void Traps::fpu_used(Caller& caller, hw::Registers& registers) {
  Vcpu& vcpu = caller.vcpu;
  caller.cpu.set_task_switched(false);
  if (!vcpu.fpu_used) {
    if (!vcpu.fpu_initialised) vcpu.fpu = initial_fpu();
    caller.cpu.restore_fpu(vcpu.fpu);
    vcpu.fpu_initialised = vcpu.fpu_used = true;
  }
  if (!vcpu.guest_task_switched) return;
  vcpu.guest_task_switched = false;
  GuestFrame frame;
  bounce(caller, registers, hw::kVectorNoFpu, frame);
}

bool Traps::upcall(Caller& caller, hw::Registers& registers) {
  GuestFrame frame;
  caller.cpu.work(hw::Step::upcall);
  if (!enter_guest(caller, registers, caller.vcpu.event_cs, caller.vcpu.event_eip, frame)) {
    lifecycle_.crash(caller.domain, "no stack to take an event on");
    return false;
  }
  events_.set_upcall_mask(caller.vcpu, true);
  ++caller.domain.events.counts.upcalls;
  return true;
}

void Traps::return_fault(Caller& caller, hw::Registers& registers) {
  caller.cpu.work(hw::Step::exception_bounce);
  if (caller.vcpu.failsafe_eip == 0) return lifecycle_.crash(caller.domain, "bad registers and no failsafe handler");
  GuestFrame frame;
  for (const u32 selector : {registers.gs, registers.fs, registers.es, registers.ds}) frame.push(selector);
  if (!enter_guest(caller, registers, caller.vcpu.failsafe_cs, caller.vcpu.failsafe_eip, frame))
    return lifecycle_.crash(caller.domain, "no stack to take a failsafe call on");
  registers.ds = registers.es = registers.fs = registers.gs = 0;  // null selectors always load
}

}  // namespace hv
