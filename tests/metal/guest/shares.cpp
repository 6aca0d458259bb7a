// The demonstration: two domains under the core's own scheduler with weights 1:2, each printing the share of the CPU
// that it measures; one of them crashes, the other goes on.
#include "metal/guest/domain_builder.h"
#include "metal/guest/programs.h"

namespace guest {

namespace {

constexpr u64 kMillisecond = 1'000'000;
constexpr u64 kReport = 300 * kMillisecond;

}  // namespace

// A domain that computes and says, every 300 ms, how much of the CPU it had.
void compute() {
  const u32 reports = option("reports", ~0u), name = start_info->domain_id;
  u64 since = system_time(), had = virtual_time();
  for (u32 report = 0;;) {
    for (u32 i = 0; i < 2000; ++i) asm volatile("" ::: "memory");
    const u64 now = system_time();
    if (now - since < kReport) continue;
    const u64 ran = virtual_time();
    const u32 permille = static_cast<u32>(divide((ran - had) * 1000, static_cast<u32>(now - since)));
    Line{} << "domain " << name << " had " << permille / 10 << "." << permille % 10 << " % of the CPU";
    since = now;
    had = ran;
    if (++report == reports) break;
  }
  Line{} << "domain " << name << " loses its stack and faults";
  asm volatile("xorl %%esp, %%esp; pushl %%eax" ::: "memory");  // no page there, so nobody to tell
  __builtin_unreachable();
}

// Domain 0: builds the two, and looks at what the hypervisor says of them.
u32 shares() {
  const u32 timer = bind_virq(Virq::timer), deaths = bind_virq(Virq::domain_exception);
  if (timer == 0 || deaths == 0) return 1;
  const char* step = "";
  const s32 light = build_domain({.mcu_advance = 20, .line = "run=compute reports=3"}, &step);
  const s32 heavy = build_domain({.mcu_advance = 10, .line = "run=compute"}, &step);
  if (light < 0 || heavy < 0) {
    Line{} << "building a domain failed at " << step;
    return 1;
  }
  Line{} << "domain " << light << " has weight 1, domain " << heavy << " weight 2";
  const u64 start = system_time();
  DomainInfo a{}, b{};
  wait_until(start + 3 * kReport);
  if (!domain_info(static_cast<u32>(light), a) || !domain_info(static_cast<u32>(heavy), b)) return 1;
  const u32 ratio = static_cast<u32>(divide(cpu_time(b) * 100, static_cast<u32>(cpu_time(a))));
  Line{} << "domain 0: they ran " << static_cast<u32>(divide(cpu_time(a), 1'000'000)) << " and "
         << static_cast<u32>(divide(cpu_time(b), 1'000'000)) << " ms, 1:" << ratio / 100 << "." << ratio / 10 % 10
         << ratio % 10;
  sleep_until([&] { return port_events[deaths] != 0; });
  if (!domain_info(static_cast<u32>(light), a)) return 1;
  const bool crashed = (a.flags >> 5 & 1) != 0;
  Line{} << "domain 0: domain " << light << (crashed ? " has crashed" : " is gone");
  const u64 then = system_time();
  const u64 before = cpu_time(b);
  wait_until(then + 2 * kReport);
  if (!domain_info(static_cast<u32>(heavy), b)) return 1;
  const bool alive = (b.flags & 0x70) == 0 && cpu_time(b) - before > kReport;
  Line{} << "domain 0: domain " << heavy << (alive ? " goes on" : " stands still");
  const bool fair = ratio >= 190 && ratio <= 210;
  if (!fair) Line{} << "domain 0: the shares are not 1:2";
  return crashed && alive && fair ? 0 : 1;
}

}  // namespace guest
