#include "time/time_keeper.h"

#include "domain.h"
#include "interface/shared_info.h"

namespace hv {

namespace {

constexpr auto kNanoseconds = static_cast<SystemTime>(SystemClock::kNanosecondsPerSecond);

// The time a guest asked for: 0 is none, one before boot (negative) is past like any other.
constexpr SystemTime requested(SystemTime time) {
  if (time == 0) return kNever;
  return time < 0 ? 1 : time;
}

}  // namespace

bool AlarmQueue::before(const Vcpu& a, const Vcpu& b) {
  if (a.alarm_real != b.alarm_real) return a.alarm_real < b.alarm_real;
  if (a.domain->id != b.domain->id) return a.domain->id < b.domain->id;
  return a.id < b.id;
}

TimeKeeper::TimeKeeper(hw::Memory& memory, Arena& arena, RunStates& run_states, EventChannels& events,
                       SystemClock& clock, const Settings& settings, u32 cpus, u32 max_vcpus)
    : memory_{memory},
      run_states_{run_states},
      events_{events},
      clock_{clock},
      settings_{settings},
      wall_offset_{static_cast<SystemTime>(settings.wall_clock_seconds) * kNanoseconds} {
  for (CpuId cpu = 0; cpu < cpus; ++cpu) cpus_[cpu].alarms = AlarmQueue{arena, max_vcpus};
}

HypercallResult TimeKeeper::set_alarm(Caller& caller, SystemTime time) {
  caller.cpu.work(hw::Step::alarm_set);
  Vcpu& vcpu = caller.vcpu;
  if (vcpu.alarm_real != kNever) {
    cpus_[vcpu.alarm_cpu].alarms.remove(vcpu);
    run_states_.timer_moved(vcpu.alarm_cpu);
  }
  vcpu.alarm_real = requested(time);
  if (vcpu.alarm_real == kNever) return HypercallResult::success();
  vcpu.alarm_cpu = vcpu.cpu;
  cpus_[vcpu.alarm_cpu].alarms.insert(vcpu);
  run_states_.timer_moved(vcpu.alarm_cpu);
  return HypercallResult::success();
}

HypercallResult TimeKeeper::set_virtual_alarm(Caller& caller, SystemTime time) {
  caller.vcpu.alarm_virtual = requested(time);
  run_states_.timer_moved(caller.vcpu.cpu);
  return HypercallResult::success();
}

HypercallResult TimeKeeper::set_wall_clock(u32 seconds, u32 microseconds, SystemTime system_time) {
  if (microseconds >= 1'000'000 || system_time < 0 || system_time > clock_.now()) return Error::invalid;
  wall_offset_ = SystemTime{seconds} * kNanoseconds + SystemTime{microseconds} * 1000 - system_time;
  return HypercallResult::success();
}

SystemTime TimeKeeper::refresh(Vcpu& vcpu) {
  hw::Cpu& cpu = clock_.cpu();
  cpu.work(hw::Step::time_update);
  const u64 stamp = cpu.cycle_counter();
  const SystemTime now = clock_.at(stamp);
  const SystemTime wall = wall_offset_ + now;
  if (static_cast<u64>(wall - wall_second_) >= SystemClock::kNanosecondsPerSecond) {
    const Division whole = divide(static_cast<u64>(wall), SystemClock::kNanosecondsPerSecond);
    wall_seconds_ = static_cast<u32>(whole.quotient);
    wall_second_ = wall - static_cast<SystemTime>(whole.remainder);
  }
  const SystemTime virtual_time = vcpu.virtual_time(now);

  const hw::Words page = memory_.frame(vcpu.domain->shared_info);
  const u32 record = HV_SHARED_WORD(time) + vcpu.id * static_cast<u32>(sizeof(SharedTime) / 4);
  const auto word = [&](std::size_t offset) { return record + static_cast<u32>(offset / 4); };
  const auto put = [&](std::size_t offset, u64 value) {
    page.store(word(offset), low_word(value));
    page.store(word(offset) + 1, high_word(value));
  };
  const u32 version = page.load(word(offsetof(SharedTime, version1))) + 1;
  page.store(word(offsetof(SharedTime, version1)), version);
  std::atomic_thread_fence(std::memory_order_release);
  put(offsetof(SharedTime, tsc_low), stamp);
  put(offsetof(SharedTime, system_time_low), static_cast<u64>(now));
  page.store(word(offsetof(SharedTime, wall_seconds)), wall_seconds_);
  page.store(word(offsetof(SharedTime, wall_microseconds)), static_cast<u32>(wall - wall_second_) / 1000);
  put(offsetof(SharedTime, virtual_time_low), static_cast<u64>(virtual_time));
  put(offsetof(SharedTime, cycles_per_second_low), clock_.cycles_per_second());
  std::atomic_thread_fence(std::memory_order_release);
  page.store(word(offsetof(SharedTime, version2)), version);
  return now;
}

SystemTime TimeKeeper::tick_after(SystemTime now) {
  if (settings_.tick == 0) return kNever;
  // Mostly the present tick or the next: only after a long sleep is it worth a division.
  if (now - last_tick_ >= settings_.tick) last_tick_ += settings_.tick;
  if (now - last_tick_ >= settings_.tick || now < last_tick_) last_tick_ = now / settings_.tick * settings_.tick;
  return last_tick_ + settings_.tick;
}

void TimeKeeper::switched_in(Vcpu& vcpu) {
  PerCpu& here = cpus_[clock_.cpu().id()];
  here.next_tick = kNever;
  if (vcpu.is_idle) return;
  here.next_tick = tick_after(refresh(vcpu));
  events_.send_virq(vcpu, Virq::timer);
}

void TimeKeeper::forget(Vcpu& vcpu) {
  if (vcpu.alarm_real != kNever) {
    cpus_[vcpu.alarm_cpu].alarms.remove(vcpu);
    run_states_.timer_moved(vcpu.alarm_cpu);
  }
  vcpu.alarm_real = vcpu.alarm_virtual = kNever;
}

void TimeKeeper::run_timers(Vcpu& current, SystemTime now) {
  PerCpu& here = cpus_[clock_.cpu().id()];
  if (due(here.next_tick, now)) {
    here.next_tick = tick_after(now < here.next_tick ? here.next_tick : now);
    refresh(current);
    events_.send_virq(current, Virq::timer);
  }
  while (due(here.alarms.earliest(), now)) {
    Vcpu& expired = *here.alarms.first();
    here.alarms.remove(expired);
    expired.alarm_real = kNever;
    refresh(expired);
    events_.send_virq(expired, Virq::timer);
  }
  if (due(virtual_expiry(current), now)) {
    current.alarm_virtual = kNever;
    refresh(current);
    events_.send_virq(current, Virq::virtual_timer);
  }
}

}  // namespace hv
