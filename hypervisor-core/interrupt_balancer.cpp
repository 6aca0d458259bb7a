#include "interrupt_balancer.h"

namespace hv {

void InterruptBalancer::take(u32 line) {
  lines_[line_count_++] = {line, 0, 0};
  controller_.route(line, 0);
  controller_.unmask(line);
}

bool InterruptBalancer::idle_enough(CpuId cpu, SystemTime now) const {
  const Vcpu& current = run_states_.current(cpu);
  return current.is_idle && now - current.run_since > kPeriod;
}

CpuId InterruptBalancer::next_cpu(CpuId from, SystemTime now) const {
  const u32 count = run_states_.cpu_count();
  const u32 step = (now & 1) != 0 ? 1 : count - 1;
  CpuId first = from, cpu = from;
  for (u32 i = 0; i < count; ++i) {  // its own turn comes last
    cpu = (cpu + step) % count;
    if (!can_take(cpu)) continue;
    if (idle_enough(cpu, now)) return cpu;
    if (first == from) first = cpu;
  }
  return first;
}

void InterruptBalancer::balance(u32 number, SystemTime now) {
  for (u32 i = 0; i < line_count_; ++i) {
    Line& line = lines_[i];
    if (line.number != number || now - line.looked < kPeriod) continue;
    line.looked = now;
    const CpuId cpu = next_cpu(line.cpu, now);
    if (cpu == line.cpu) continue;
    line.cpu = cpu;
    controller_.route(number, cpu);
  }
}

}  // namespace hv
