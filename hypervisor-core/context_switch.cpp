#include "context_switch.h"

namespace hv {

namespace {

constexpr u32 kDebugStatus = 6, kDebugControl = 7;

void switch_debug_registers(hw::Cpu& cpu, const Vcpu& from, const Vcpu& to) {
  if (to.debug_registers[kDebugControl] == 0) {
    if (from.debug_registers[kDebugControl] != 0) cpu.set_debug_register(kDebugControl, 0);
    return;
  }
  for (const u32 number : {0u, 1u, 2u, 3u, kDebugStatus, kDebugControl})
    cpu.set_debug_register(number, to.debug_registers[number]);
}

}  // namespace

void switch_context(hw::Cpu& cpu, hw::Registers& registers, Vcpu& from, Vcpu& to, MemoryManager& memory) {
  cpu.work(hw::Step::context_switch);
  from.registers = registers;
  registers = to.registers;

  // The FPU is switched when the next vCPU uses it: until then it traps. It already does if `from` has not used it.
  if (from.fpu_used) {
    cpu.save_fpu(from.fpu);
    from.fpu_used = false;
    cpu.set_task_switched(true);
  }
  if (!to.is_idle) {
    cpu.set_direct_gate(to.direct_gate);
    cpu.set_ring1_stack(to.ring1_ss, to.ring1_esp);
  }
  memory.load_address_space(cpu, to);
  switch_debug_registers(cpu, from, to);
}

hw::Registers idle_registers() {
  hw::Registers registers;
  registers.cs = hw::kHypervisorCs;
  registers.eip = hw::kIdleLoop;
  registers.eflags = hw::kInterruptFlag;
  registers.ds = registers.es = registers.ss = hw::kHypervisorDs;
  return registers;
}

}  // namespace hv
