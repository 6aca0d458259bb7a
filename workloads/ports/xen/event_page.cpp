#include "workloads/ports/xen/event_page.h"

namespace guest {

void EventPage::unmask_port(u32 port, u32 processor) {
  own_ports_[processor][port / 32] |= 1u << port % 32;
  const std::size_t word = offsetof(hv::SharedInfo, ports_mask) + port / 32 * sizeof(u32);
  charge_locked();
  store(word, load(word) & ~(1u << port % 32));
}

u32 EventPage::take_selector() {
  store(of_vcpu(offsetof(hv::SharedVcpu, upcall_pending)), 0);  // before the look, so that nothing is missed
  charge_locked();
  const u32 selector = load(of_vcpu(offsetof(hv::SharedVcpu, pending_selector)));
  store(of_vcpu(offsetof(hv::SharedVcpu, pending_selector)), 0);
  return selector;
}

u32 EventPage::take_ports(u32 word) {
  const std::size_t pending = offsetof(hv::SharedInfo, ports_pending) + word * sizeof(u32);
  const std::size_t mask = offsetof(hv::SharedInfo, ports_mask) + word * sizeof(u32);
  const u32 ports = load(pending) & ~load(mask) & own_ports_[kernel_.port().processor()][word];
  charge_locked();
  store(pending, load(pending) & ~ports);
  return ports;
}

s64 EventPage::system_time() {
  const std::size_t at = offsetof(hv::SharedInfo, time) + kernel_.port().processor() * sizeof(hv::SharedTime);
  hv::SharedTime time;
  do {
    time.version2 = load(at + offsetof(hv::SharedTime, version2));
    memory_.read(address_ + static_cast<u32>(at), &time, sizeof time);
  } while (load(at + offsetof(hv::SharedTime, version1)) != time.version2);

  const u64 stamp = hv::join_words(time.tsc_low, time.tsc_high);
  const u64 per_second = hv::join_words(time.cycles_per_second_low, time.cycles_per_second_high);
  const u64 elapsed = kernel_.cpu().cycle_counter() - stamp;
  constexpr u64 kNanosecondsPerSecond = 1'000'000'000;
  return static_cast<s64>(hv::join_words(time.system_time_low, time.system_time_high) +
                          elapsed / per_second * kNanosecondsPerSecond +
                          elapsed % per_second * kNanosecondsPerSecond / per_second);
}

}  // namespace guest
