// What must hold whatever the workload: shares in proportion to the weights, no vCPU in two places, no CPU idle while a
// vCPU that is placed there could run. The checker sees only who runs on which CPU, and keeps its own books.
#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "support/schedule_host.h"
#include "support/schedule_watch.h"

using test::Idle, test::kMillisecond, test::Random, test::ScheduleHost, test::ScheduleWatcher;

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
      ScheduleWatcher watcher{host, Idle::never_beside_own_work};
      for (int step = 0; step < 2'000; ++step) {
        hv::Vcpu& vcpu = random.one_of(host.vcpus);
        bool& wants = watcher.wants(vcpu);
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
        watcher.run_until(host.now + random.from(0, 3 * kMillisecond));
      }
      watcher.close_books();
    }
  }
}
