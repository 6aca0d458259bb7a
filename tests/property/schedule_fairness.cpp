// What must hold whatever the workload: shares in proportion to the weights, no vCPU in two places, no CPU idle while a
// vCPU that is placed there could run. The checker sees only who runs on which CPU, and keeps its own books.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "support/schedule_host.h"

using test::kMillisecond, test::ScheduleHost;

namespace {

// std::mt19937_64 is the same everywhere; the standard distributions are not.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_{seed} {}
  std::int64_t from(std::int64_t least, std::int64_t most) {
    return least + static_cast<std::int64_t>(engine_() % static_cast<std::uint64_t>(most - least + 1));
  }

 private:
  std::mt19937_64 engine_;
};

// What the outside knows of a vCPU: whether it wants to run, and how long it was seen on a CPU.
struct Book {
  bool wants = false;
  hv::SystemTime seen = 0;
};

class Watcher {
 public:
  explicit Watcher(ScheduleHost& host) : host_{host}, books(host.vcpus.size()), idle(host.states.cpu_count()) {}

  // Time went on to `now`; until then the CPUs ran what they were seen with last.
  void advance() {
    for (hv::CpuId cpu = 0; cpu < idle.size(); ++cpu) {
      const hv::Vcpu& current = host_.states.current(cpu);
      (current.is_idle ? idle[cpu] : books[current.id - 1].seen) += host_.now - last_;
    }
    last_ = host_.now;
  }

  void check() const {
    for (hv::CpuId cpu = 0; cpu < idle.size(); ++cpu) {
      const hv::Vcpu& current = host_.states.current(cpu);
      for (hv::CpuId other = cpu + 1; other < idle.size(); ++other) {
        REQUIRE(&current != &host_.states.current(other));
      }
      if (!current.is_idle) {
        REQUIRE(books[current.id - 1].wants);
        REQUIRE(current.cpu == cpu);
        continue;
      }
      for (const hv::Vcpu& vcpu : host_.vcpus) {
        if (vcpu.cpu == cpu) REQUIRE_FALSE(books[vcpu.id - 1].wants);
      }
    }
  }

 private:
  ScheduleHost& host_;
  hv::SystemTime last_ = 0;

 public:
  std::vector<Book> books;
  std::vector<hv::SystemTime> idle;
};

}  // namespace

TEST_CASE("as intended, shares of one CPU over 10 s are within 1 % of the CPU of the weights' ratio") {
  Random random{20031019};
  double worst = 0;
  for (int round = 0; round < 200; ++round) {
    ScheduleHost host{hv::kBvtPaper, random.from(1, 50) * 100'000};
    const auto count = random.from(2, 12);
    std::vector<double> weights;
    double total = 0;
    for (std::int64_t i = 0; i < count; ++i) {
      const auto mcu_advance = static_cast<hv::u32>(random.from(10, 100));
      host.add_hog(mcu_advance);
      weights.push_back(1.0 / mcu_advance);
      total += weights.back();
    }
    host.run_until(10'000 * kMillisecond);
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const double share = static_cast<double>(host.ran(host.vcpus[i])) / (10'000.0 * kMillisecond);
      worst = std::max(worst, std::abs(share - weights[i] / total));
    }
  }
  CAPTURE(worst);
  CHECK(worst < 0.01);
}

TEST_CASE("with random blocking, waking and moving, CPUs and vCPUs stay one to one and no work waits for an idle CPU") {
  for (const auto& rules : {hv::kBvtPaper, hv::kBvtXen1, hv::kBvtXen2}) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      CAPTURE(seed);
      Random random{seed};
      ScheduleHost host{rules, 5 * kMillisecond, static_cast<hv::u32>(random.from(1, 4))};
      for (auto count = random.from(1, 12); count > 0; --count) {
        auto& vcpu = host.add(static_cast<hv::u32>(random.from(1, 50)));
        if (random.from(0, 3) > 0) continue;
        static_cast<void>(host.bvt.adjust(vcpu,
                                          {.mcu_advance = 10,
                                           .warp = 1,
                                           .warp_value = static_cast<hv::u32>(random.from(1, 500)),
                                           .warp_limit_low = static_cast<hv::u32>(random.from(0, 4'000'000)),
                                           .unwarp_low = static_cast<hv::u32>(random.from(0, 20'000'000))},
                                          0));
      }
      Watcher watcher{host};
      for (int step = 0; step < 2'000; ++step) {
        auto& vcpu =
            host.vcpus[static_cast<std::size_t>(random.from(0, static_cast<std::int64_t>(host.vcpus.size()) - 1))];
        bool& wants = watcher.books[vcpu.id - 1].wants;
        if (random.from(0, 19) == 0) {
          host.states.pin(vcpu, 1u << random.from(0, host.states.cpu_count() - 1), host.now);
          host.settle();
        } else if (!wants) {
          wants = true;
          host.wake(vcpu);
        } else if (host.states.running(vcpu)) {
          wants = false;
          host.block(vcpu);
        }
        watcher.check();
        // In steps to the next timer of any CPU, so that the watcher sees every change.
        const hv::SystemTime end = host.now + random.from(0, 3 * kMillisecond);
        while (host.now < end) {
          hv::SystemTime next = end;
          for (hv::CpuId cpu = 0; cpu < host.states.cpu_count(); ++cpu) {
            next = std::min(next, host.states.next_timer(cpu));
          }
          host.now = next;
          watcher.advance();
          host.run_until(next);
          watcher.check();
        }
      }
      for (hv::CpuId cpu = 0; cpu < host.states.cpu_count(); ++cpu) {
        CHECK(host.ran(host.states.idle(cpu)) == watcher.idle[cpu]);
      }
      hv::SystemTime sum = 0;
      for (const hv::Vcpu& vcpu : host.vcpus) {
        CHECK(host.ran(vcpu) == watcher.books[vcpu.id - 1].seen);
        sum += host.ran(vcpu);
      }
      for (hv::CpuId cpu = 0; cpu < host.states.cpu_count(); ++cpu) sum += host.ran(host.states.idle(cpu));
      CHECK(sum == host.now * host.states.cpu_count());
    }
  }
}
