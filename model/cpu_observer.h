// Whoever wants to see what the CPUs do in ring 0, without changing it.
#pragma once

#include <cstdint>

#include "hardware/registers.h"
#include "hardware/work.h"
#include "sim/time.h"

namespace model {

enum class EntryKind : std::uint8_t { hypercall, exception, interrupt };

class CpuObserver {
 public:
  // The CPU enters the supervisor at its local time `at`. Of a hypercall, its number and arguments are in `registers`;
  // of an exception, registers.vector and `fault_address`; of an interrupt, registers.vector is its line.
  virtual void entered(hv::CpuId cpu, EntryKind kind, const hw::Registers& registers, std::uint32_t fault_address,
                       sim::Time at) = 0;
  // Inside, the hypervisor takes a step.
  virtual void worked(hv::CpuId cpu, hw::Step step, std::uint32_t times) = 0;
  // And it is back; the registers may be those of somebody else.
  virtual void left(hv::CpuId cpu, sim::Time at) = 0;

 protected:
  ~CpuObserver() = default;
};

}  // namespace model
