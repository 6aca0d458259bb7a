#include "workloads/kernel/locks.h"

#include "model/machine.h"
#include "workloads/kernel/kernel.h"
#include "workloads/ports/port.h"

namespace guest {

// --- the big one -----------------------------------------------------------------------------------------------------

BigKernelLock::BigKernelLock(Kernel& kernel, u32 lines)
    : kernel_{kernel}, lock_{kernel.machine(), kernel.port(), lines} {}

model::Task<> BigKernelLock::take() {
  if (!kernel_.several_processors() || kernel_.current().big_lock_depth++ > 0) return {};
  return lock_.take();
}

model::Task<> BigKernelLock::release() {
  if (!kernel_.several_processors() || --kernel_.current().big_lock_depth > 0) return {};
  return lock_.release();
}

model::Task<> BigKernelLock::give_up(const Process& process) {
  if (process.big_lock_depth == 0) return {};
  return lock_.release();
}

model::Task<> BigKernelLock::take_back(const Process& process) {
  if (process.big_lock_depth == 0) return {};
  return lock_.take();
}

// --- all -------------------------------------------------------------------------------------------------------------

KernelLocks::KernelLocks(Kernel& kernel, Port& port, u32 processors, const KernelFile& file)
    : kernel_{kernel},
      port_{port},
      file_{file},
      brief_(kLocks, BriefLock{processors}),
      big_{kernel, file.lock_lines[kLocks]} {}

void KernelLocks::pass(const Path& path, sim::Cycles from) {
  constexpr s64 kPercent = 100;
  const auto lock = static_cast<std::size_t>(path.lock);
  model::Machine& machine = kernel_.machine();
  model::Cpu& cpu = machine.running();
  const sim::Cycles length{(cpu.cycles() - from).count() * path.held / kPercent};
  const sim::Cycles move = machine.file().memory.line_transfer * file_.lock_lines[lock];
  const sim::Cycles earliest = machine.clock().cycles_at(machine.queue().now());
  const BriefLock::Hold hold = brief_[lock].take(port_.processor(), from, length, move, earliest);
  if (hold.start > from) cpu.charge(hold.start - from, model::Cause::spin);
  if (hold.moves > 0) cpu.charge(move * hold.moves, model::Cause::cache);
}

std::string_view KernelLocks::name(std::size_t lock) { return kLockNames[lock]; }

}  // namespace guest
