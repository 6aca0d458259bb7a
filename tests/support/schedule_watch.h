// A checker of schedules that sees only who runs on which CPU, and keeps its own books.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

#include "support/policy_host.h"

namespace test {

// std::mt19937_64 is the same everywhere; the standard distributions are not.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_{seed} {}
  std::int64_t from(std::int64_t least, std::int64_t most) {
    return least + static_cast<std::int64_t>(engine_() % static_cast<std::uint64_t>(most - least + 1));
  }
  hv::u32 mask(hv::u32 cpus) { return static_cast<hv::u32>(from(1, (std::int64_t{1} << cpus) - 1)); }
  template <class T>
  T& one_of(std::deque<T>& some) {
    return some[static_cast<std::size_t>(from(0, static_cast<std::int64_t>(some.size()) - 1))];
  }

 private:
  std::mt19937_64 engine_;
};

// When a CPU may be idle though somebody wants to run.
enum class Idle {
  never_beside_work,      // anywhere that the work may run
  never_beside_own_work,  // placed on the same CPU: the policy does not move it
  sometimes,              // for reasons of its own
};

// What the outside knows of a vCPU: whether it wants to run, and how long it was seen on a CPU.
struct Book {
  bool wants = false;
  hv::SystemTime seen = 0;
};

class ScheduleWatcher {
 public:
  ScheduleWatcher(PolicyHost& host, Idle idle)
      : host_{host}, idle_{idle}, books_(host.vcpus.size()), idle_seen_(host.states.cpu_count()) {}

  bool& wants(const hv::Vcpu& vcpu) { return books_[vcpu.id - 1].wants; }

  // Nobody on two CPUs or where it may not be, nobody who does not want to, no idle CPU beside work.
  void check() const {
    for (hv::CpuId cpu = 0; cpu < host_.states.cpu_count(); ++cpu) {
      const hv::Vcpu& current = host_.states.current(cpu);
      for (hv::CpuId other = cpu + 1; other < host_.states.cpu_count(); ++other) {
        REQUIRE(&current != &host_.states.current(other));
      }
      if (!current.is_idle) {
        REQUIRE(books_[current.id - 1].wants);
        REQUIRE(current.cpu == cpu);
        REQUIRE((current.affinity >> cpu & 1) == 1);
        continue;
      }
      if (idle_ == Idle::sometimes) continue;
      for (const hv::Vcpu& vcpu : host_.vcpus) {
        if (!books_[vcpu.id - 1].wants || host_.states.running(vcpu)) continue;
        const bool could = idle_ == Idle::never_beside_work ? (vcpu.affinity >> cpu & 1) == 1 : vcpu.cpu == cpu;
        CAPTURE(host_.now);
        REQUIRE_FALSE(could);
      }
    }
  }

  // In steps to the next timer of any CPU, so that every change is seen.
  void run_until(hv::SystemTime end) {
    while (host_.now < end) {
      host_.now = std::min(end, host_.states.next_timer(host_.first_to_expire()));
      advance();
      host_.run_until(host_.now);
      check();
    }
  }

  // The host's accounts are what was seen, and all of the CPUs' time.
  void close_books() const {
    hv::SystemTime sum = 0;
    for (const hv::Vcpu& vcpu : host_.vcpus) {
      CHECK(host_.ran(vcpu) == books_[vcpu.id - 1].seen);
      sum += host_.ran(vcpu);
    }
    for (hv::CpuId cpu = 0; cpu < host_.states.cpu_count(); ++cpu) {
      CHECK(host_.ran(host_.states.idle(cpu)) == idle_seen_[cpu]);
      sum += host_.ran(host_.states.idle(cpu));
    }
    CHECK(sum == host_.now * host_.states.cpu_count());
  }

 private:
  // Time went on to `now`; until then the CPUs ran what they were seen with last.
  void advance() {
    for (hv::CpuId cpu = 0; cpu < host_.states.cpu_count(); ++cpu) {
      const hv::Vcpu& current = host_.states.current(cpu);
      (current.is_idle ? idle_seen_[cpu] : books_[current.id - 1].seen) += host_.now - last_;
    }
    last_ = host_.now;
  }

  PolicyHost& host_;
  Idle idle_;
  hv::SystemTime last_ = 0;
  std::vector<Book> books_;
  std::vector<hv::SystemTime> idle_seen_;
};

}  // namespace test
