// The hypercalls of Traps.
#include "base/planted.h"
#include "interface/layout.h"
#include "traps/traps.h"

namespace hv {

namespace {

constexpr u32 kTrapEntries = 256;

// DR7: a general-detect bit, and four fields of breakpoint type above its enable bits.
constexpr u32 kDr7GeneralDetect = 1u << 13, kDr7Enables = 0xff;
constexpr u32 kDr7ReservedClear = 0xffff27ff, kDr7ReservedSet = 0x00000400;
constexpr u32 kDr6ReservedClear = 0xffffefff, kDr6ReservedSet = 0xffff0ff0;
constexpr u32 kBreakpointIo = 2;
constexpr u32 kWidestBreakpoint = 4;

}  // namespace

HypercallResult Traps::set_trap_table(Caller& caller, u32 list) {
  // No list is longer than the table, so one without an end is cut short there.
  for (u32 i = 0; i < kTrapEntries; ++i) {
    TrapEntry entry;
    if (!caller.cpu.copy_from_guest(&entry, list + i * static_cast<u32>(sizeof entry), sizeof entry))
      return Error::bad_address;
    if (entry.address == 0) break;
    if (!valid_code_selector(entry.cs)) return Error::not_permitted;
    caller.domain.traps.entries[entry.vector] = entry;
  }
  return HypercallResult::success();
}

HypercallResult Traps::set_callbacks(Caller& caller, u32 event_cs, u32 event_eip, u32 failsafe_cs, u32 failsafe_eip) {
  if (!valid_code_selector(event_cs) || !valid_code_selector(failsafe_cs)) return Error::not_permitted;
  Vcpu& vcpu = caller.vcpu;
  vcpu.event_cs = event_cs;
  vcpu.event_eip = event_eip;
  vcpu.failsafe_cs = failsafe_cs;
  vcpu.failsafe_eip = failsafe_eip;
  return HypercallResult::success();
}

HypercallResult Traps::set_fast_trap(Caller& caller, u32 vector) {
  caller.cpu.work(hw::Step::vcpu_state);
  hw::DirectGate gate;
  if (vector != 0) {
    if (vector != 0x80 && (vector < 0x20 || vector > 0x2f)) return Error::not_permitted;
    const TrapEntry& entry = caller.domain.traps.entries[vector];
    if (entry.address == 0 || (entry.flags & kTrapMaskEvents) != 0 || (entry.flags & 3u) != 3)
      return Error::not_permitted;
    gate = {vector, entry.cs, entry.address};
  }
  caller.vcpu.direct_gate = gate;
  caller.cpu.set_direct_gate(gate);
  return HypercallResult::success();
}

HypercallResult Traps::stack_switch(Caller& caller, u32 ss, u32 esp) {
  caller.cpu.work(hw::Step::vcpu_state);
  if ((ss & 3) != 1 && !HV_PLANTED(stack_of_any_ring)) return Error::not_permitted;
  caller.vcpu.ring1_ss = ss;
  caller.vcpu.ring1_esp = esp;
  caller.cpu.set_ring1_stack(ss, esp);
  return HypercallResult::success();
}

HypercallResult Traps::fpu_taskswitch(Caller& caller) {
  caller.cpu.work(hw::Step::vcpu_state);
  caller.vcpu.guest_task_switched = true;
  caller.cpu.set_task_switched(true);
  return HypercallResult::success();
}

HypercallResult Traps::set_debug_register(Caller& caller, u32 number, u32 value) {
  caller.cpu.work(hw::Step::vcpu_state);
  switch (number) {
    case 0:
    case 1:
    case 2:
    case 3:
      if (value > kHypervisorPrivate - kWidestBreakpoint && !HV_PLANTED(breakpoint_anywhere)) {
        return Error::not_permitted;
      }
      break;
    case 6:
      value = (value & kDr6ReservedClear) | kDr6ReservedSet;
      break;
    case 7:
      if ((value & kDr7GeneralDetect) != 0) return Error::not_permitted;
      if ((value & kDr7Enables) != 0)
        for (u32 breakpoint = 0; breakpoint < 4; ++breakpoint)
          if ((value >> (16 + 4 * breakpoint) & 3) == kBreakpointIo) return Error::not_permitted;
      // All off is remembered as 0, which is what a switch of vCPU looks for.
      value = (value & kDr7Enables) == 0 ? 0 : (value & kDr7ReservedClear) | kDr7ReservedSet;
      break;
    default:
      return Error::invalid;
  }
  caller.vcpu.debug_registers[number] = value;
  caller.cpu.set_debug_register(number, value);
  return HypercallResult::success();
}

HypercallResult Traps::get_debug_register(Caller& caller, u32 number) {
  if (number > 7 || number == 4 || number == 5) return Error::invalid;
  return HypercallResult::count(caller.vcpu.debug_registers[number]);
}

}  // namespace hv
