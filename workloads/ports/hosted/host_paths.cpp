#include "workloads/ports/hosted/host_paths.h"

namespace guest {

sim::Cycles HostPaths::length(const Path& path) const {
  const model::MachineFile& hardware = machine_.file();
  const u32 locks = machine_.cpu_count() > 1 ? path.locks : 0;
  return hardware.cycles(model::Instructions{path.instructions}) + hardware.cpu.locked_operation * locks +
         (hardware.cpu.disable_interrupts + hardware.cpu.enable_interrupts) * path.interrupt_pairs;
}

sim::Cycles HostPaths::call_and_return() const {
  const auto& cpu = machine_.file().cpu;
  return cpu.system_call_entry + length(paths().system_call) + cpu.interrupt_return;
}

sim::Cycles HostPaths::call() const {
  const sim::Cycles read = length(paths().read) + length(paths().device_read) + length(paths().user_copy);
  const sim::Cycles write = length(paths().write) + length(paths().device_write);
  return call_and_return() + length(paths().descriptor) + sim::Cycles{(read + write).count() / 2};
}

void HostPaths::spend(sim::Cycles cycles) const {
  model::Cpu& cpu = machine_.running();
  const InHost in_host{cpu};
  cpu.charge(cycles, model::Cause::emulation);
}

}  // namespace guest
