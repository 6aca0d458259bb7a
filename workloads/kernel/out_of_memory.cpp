#include "workloads/kernel/out_of_memory.h"

#include "workloads/kernel/kernel.h"

namespace guest {

namespace {

constexpr u32 kTickShift = 7;  // SHIFT_HZ, so that a second is 2 to the power of it, about
constexpr s32 kVictimTicks = 5 * static_cast<s32>(kTicksPerSecond);  // of its time slice, so that it is soon gone

// Linux's int_sqrt: rounded down.
u64 root(u64 x) {
  u64 result = x;
  while (result * result > x) result = (result + x / result) / 2;
  return result;
}

}  // namespace

u64 OutOfMemory::score(const Process& process, u64 now) {
  if (!process.space || process.state == Process::State::zombie) return 0;
  u64 points = process.space->pages();
  const u64 cpu_time = process.cpu_ticks >> (kTickShift + 3);
  const u64 run_time = (now - process.started) >> (kTickShift + 10);
  if (const u64 divisor = root(cpu_time)) points /= divisor;
  if (const u64 divisor = root(root(run_time))) points /= divisor;
  if (process.nice > 0) points *= 2;
  if (process.user == kSuperUser) points /= 4;
  return points;
}

void OutOfMemory::failed() {
  if (kernel_.swap().free_slots() > 0) return;
  const u64 now = kernel_.ticks();
  const u64 since_last = now - last_;
  last_ = now;
  if (since_last > 5 * kTicksPerSecond) {
    first_ = now;
    failures_ = 0;
    return;
  }
  if (now - first_ < kTicksPerSecond) return;
  if (++failures_ < 10) return;
  if (kills_ > 0 && now - last_kill_ < 5 * kTicksPerSecond) return;
  last_kill_ = now;
  kill();
  first_ = now;
  failures_ = 0;
}

void OutOfMemory::kill() {
  Process* victim = nullptr;
  u64 most = 0;
  for (const auto& process : kernel_.processes()) {
    const u64 points = score(*process, kernel_.ticks());
    if (points <= most) continue;
    most = points;
    victim = process.get();
  }
  kernel_.charge(kernel_.paths().kill_score, kernel_.processes().size());
  if (victim == nullptr) kernel_.panic("out of memory, and no process to kill");
  victim->uses_reserve = true;
  victim->counter = kVictimTicks;
  kernel_.signal(*victim, Signal::kill);
  ++kills_;
}

}  // namespace guest
