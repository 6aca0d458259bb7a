// Taking a physical CPU from one vCPU and giving it to another, by replacing the register frame that the entry path
// will restore.
#pragma once

#include "hardware/cpu.h"
#include "hardware/registers.h"
#include "memory/memory_manager.h"
#include "vcpu.h"

namespace hv {

// Afterwards `registers` are those of `to`, and everything it is entered with is loaded. Either may be an idle vCPU.
void switch_context(hw::Cpu& cpu, hw::Registers& registers, Vcpu& from, Vcpu& to, MemoryManager& memory);

// A vCPU that stays away from the CPU until the first interrupt.
hw::Registers idle_registers();

}  // namespace hv
