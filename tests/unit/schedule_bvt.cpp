// The rules of BVT, one by one, in its three sets of rules.
#include "schedule/bvt.h"

#include <doctest/doctest.h>

#include "support/schedule_host.h"

using hv::kBvtPaper, hv::kBvtXen1, hv::kBvtXen2;
using test::kMillisecond, test::ScheduleHost;

namespace {

hv::SchedulerParameters with_warp(hv::u32 value, hv::SystemTime limit, hv::SystemTime unwarp_time) {
  return {.mcu_advance = 10,
          .warp = 1,
          .warp_value = value,
          .warp_limit_low = static_cast<hv::u32>(limit),
          .warp_limit_high = static_cast<hv::u32>(limit >> 32),
          .unwarp_low = static_cast<hv::u32>(unwarp_time),
          .unwarp_high = static_cast<hv::u32>(unwarp_time >> 32)};
}

}  // namespace

TEST_CASE("a charging unit of 100 us that was begun is charged whole") {
  for (const auto& [ran, charged] : {std::pair{1, 10}, {100'000, 10}, {100'001, 20}, {250'000, 30}}) {
    ScheduleHost host{kBvtPaper};
    auto& vcpu = host.add_hog(10);
    host.run_until(ran);
    host.block(vcpu);
    CHECK(host.avt(vcpu) == charged);
  }
}

TEST_CASE("virtual time advances by mcu_advance: twice the weight, half the advance") {
  ScheduleHost host{kBvtPaper};
  auto& light = host.add_hog(20);
  host.run_until(kMillisecond);
  host.block(light);
  auto& heavy = host.add_hog(10);
  host.run_until(2 * kMillisecond);
  host.block(heavy);
  CHECK(host.avt(light) == 200);
  CHECK(host.avt(heavy) == 100);
}

TEST_CASE("of equal vCPUs the one that woke last runs first, then they take turns in that order") {
  ScheduleHost host{kBvtXen2};
  auto& one = host.add();
  auto& two = host.add();
  auto& three = host.add();
  for (auto* vcpu : {&one, &two, &three}) host.states.wake(*vcpu, 0);
  host.settle();
  for (const auto* expected : {&three, &two, &one, &three, &two}) {
    CHECK(&host.states.current(0) == expected);
    host.run_until(host.states.run_until(0));
  }
}

TEST_CASE("as intended, a vCPU runs until it is the allowance ahead of the next best; in Xen the lead counts as ns") {
  for (const auto& [rules, slice] : {std::pair{kBvtPaper, 30 * 100'000 + 5 * kMillisecond},
                                     {kBvtXen1, 30 + 5 * kMillisecond},
                                     {kBvtXen2, 30 + 5 * kMillisecond}}) {
    ScheduleHost host{rules};
    auto& first = host.add_hog(10);
    host.run_until(3 * kMillisecond);  // 300 units ahead
    host.block(first);
    auto& second = host.add(10);  // starts at svt 0
    host.states.wake(first, host.now);
    host.states.wake(second, host.now);
    host.settle();
    CHECK(&host.states.current(0) == &second);
    CHECK(host.slice_left() == slice);
  }
}

TEST_CASE("a vCPU alone runs for ten allowances, the idle vCPU for one") {
  ScheduleHost host{kBvtPaper};
  auto& vcpu = host.add_hog();
  CHECK(host.slice_left() == 50 * kMillisecond);
  host.block(vcpu);
  CHECK(&host.states.current(0) == &host.states.idle(0));
  CHECK(host.slice_left() == 5 * kMillisecond);
}

TEST_CASE("sleeping earns nothing: a vCPU wakes no earlier than the virtual time of its CPU") {
  for (const auto& rules : {kBvtPaper, kBvtXen1, kBvtXen2}) {
    ScheduleHost host{rules};
    auto& sleeper = host.add();
    auto& a = host.add_hog();
    host.add_hog();
    host.run_until(100 * kMillisecond);
    REQUIRE(host.svt(a) > 4'000);  // half of 10 000 units, less the slices under way
    CHECK(host.avt(sleeper) == 0);
    host.states.wake(sleeper, host.now);
    CHECK(host.avt(sleeper) == host.svt(a));
  }
}

TEST_CASE("a vCPU that used more than its share before it slept still pays after it wakes") {
  ScheduleHost host{kBvtPaper};
  auto& greedy = host.add_hog();
  host.run_until(20 * kMillisecond);
  host.block(greedy);
  host.add_hog();
  host.wake(greedy);
  CHECK(host.avt(greedy) == 2'000);
}

TEST_CASE("a wake in Xen 1.x leaves the running vCPU its allowance, whatever the virtual times say") {
  ScheduleHost host{kBvtXen1};
  auto& sleeper = host.add();
  auto& hog = host.add_hog();  // alone: slice 50 ms
  host.run_until(2 * kMillisecond);
  host.wake(sleeper);
  CHECK(&host.states.current(0) == &hog);
  CHECK(host.states.run_until(0) == 5 * kMillisecond);
  host.run_until(5 * kMillisecond);
  CHECK(&host.states.current(0) == &sleeper);
}

TEST_CASE("a wake in Xen 1.x preempts at once a vCPU that has had its allowance") {
  ScheduleHost host{kBvtXen1};
  auto& sleeper = host.add();
  host.add_hog();
  host.run_until(5 * kMillisecond);
  host.wake(sleeper);
  CHECK(&host.states.current(0) == &sleeper);
}

TEST_CASE("a tie at a wake preempts in Xen 2.0 and does not as intended") {
  for (const auto& [rules, preempts] : {std::pair{kBvtXen2, true}, {kBvtPaper, false}}) {
    ScheduleHost host{rules};
    auto& sleeper = host.add();
    auto& hog = host.add_hog();
    host.wake(sleeper);  // hog has run 0 ns
    CHECK(host.evt(sleeper) == host.evt(hog));
    CHECK((&host.states.current(0) == &sleeper) == preempts);
  }
}

TEST_CASE("as intended, a vCPU that wakes behind shortens the slice to where the running one is the allowance ahead") {
  ScheduleHost host{kBvtPaper};
  auto& first = host.add_hog();
  host.run_until(4 * kMillisecond);  // avt 400
  host.block(first);
  auto& second = host.add_hog();  // avt 0, alone: slice 50 ms
  host.run_until(5 * kMillisecond);
  host.wake(first);
  CHECK(&host.states.current(0) == &second);
  CHECK(host.states.run_until(0) == 4 * kMillisecond + 40 * 100'000 + 5 * kMillisecond);
}

TEST_CASE("a wake on an idle CPU runs at once") {
  for (const auto& rules : {kBvtPaper, kBvtXen1, kBvtXen2}) {
    ScheduleHost host{rules};
    host.run_until(kMillisecond);
    auto& vcpu = host.add_hog();
    CHECK(&host.states.current(0) == &vcpu);
  }
}

TEST_CASE("a vCPU warped soon after boot is favoured as intended; in Xen 2.0 its evt wraps below zero and it starves") {
  for (const auto& [rules, runs] : {std::pair{kBvtPaper, true}, {kBvtXen2, false}}) {
    ScheduleHost host{rules};
    auto& urgent = host.add();
    CHECK(host.bvt.adjust(urgent, with_warp(2'000, 0, 0), 0).ok());
    host.add_hog();
    host.run_until(kMillisecond);
    host.wake(urgent);
    CHECK(host.evt(urgent) == (runs ? -2'000 : 0x1'0000'0000 - 2'000));
    CHECK((&host.states.current(0) == &urgent) == runs);
  }
}

TEST_CASE("as intended, the warp limit counts run time since the last sleep, and unwarping lasts the unwarp time") {
  ScheduleHost host{kBvtPaper, kMillisecond};
  auto& warped = host.add();
  host.add_hog();
  host.run_until(10 * kMillisecond);
  CHECK(host.bvt.adjust(warped, with_warp(5'000, 8 * kMillisecond, 30 * kMillisecond), host.now).ok());
  host.wake(warped);  // 5 000 units are 50 ms of CPU: nothing else would take the CPU from it
  host.run_until(15 * kMillisecond);
  host.states.request_reschedule(0);  // a decision in between does not renew the limit
  host.settle();
  host.run_until(18 * kMillisecond - 1);
  CHECK(&host.states.current(0) == &warped);
  CHECK(host.ran(warped) == 8 * kMillisecond - 1);
  host.run_until(18 * kMillisecond);
  CHECK_FALSE(host.warped(warped));
  CHECK(host.evt(warped) == host.avt(warped));
  CHECK(&host.states.current(0) != &warped);
  host.run_until(48 * kMillisecond - 1);
  CHECK_FALSE(host.warped(warped));
  host.run_until(48 * kMillisecond);
  CHECK(host.warped(warped));
  CHECK(&host.states.current(0) == &warped);
}

TEST_CASE("as intended, sleeping renews the warp limit") {
  ScheduleHost host{kBvtPaper, kMillisecond};
  auto& warped = host.add();
  host.add_hog();
  host.run_until(10 * kMillisecond);
  CHECK(host.bvt.adjust(warped, with_warp(5'000, 8 * kMillisecond, 30 * kMillisecond), host.now).ok());
  for (int i = 0; i < 5; ++i) {
    host.wake(warped);
    CHECK(&host.states.current(0) == &warped);
    host.run_until(host.now + 5 * kMillisecond);
    host.block(warped);
  }
  CHECK(host.warped(warped));
  CHECK(host.ran(warped) == 25 * kMillisecond);
}

TEST_CASE("in Xen 2.0 the warp limit starts anew at each dispatch: longer than a slice, it never binds") {
  for (const auto& [limit, still_warped] : {std::pair{6 * kMillisecond, true}, {2 * kMillisecond, false}}) {
    ScheduleHost host{kBvtXen2};
    host.add_hog();
    auto& warped = host.add();
    host.run_until(100 * kMillisecond);
    CHECK(host.bvt.adjust(warped, with_warp(900, limit, 500 * kMillisecond), host.now).ok());
    host.wake(warped);
    host.run_until(150 * kMillisecond);
    CHECK(host.warped(warped) == still_warped);
  }
}

TEST_CASE("in Xen 1.x a wake warps, and blocking or yielding ends it") {
  ScheduleHost host{kBvtXen1};
  auto& vcpu = host.add();
  host.bvt.set_warp(vcpu, 20, 10 * kMillisecond, 0, 0);
  host.add_hog();
  for (const bool yields : {true, false}) {
    host.run_until(host.now + 60 * kMillisecond);
    host.wake(vcpu);
    CHECK(host.warped(vcpu));
    CHECK(host.evt(vcpu) == host.avt(vcpu) - 20);
    REQUIRE(&host.states.current(0) == &vcpu);
    if (yields) {
      host.states.yield(vcpu, host.now);
      CHECK_FALSE(host.warped(vcpu));
      host.settle();
      CHECK(host.evt(vcpu) == host.avt(vcpu));
    }
    host.block(vcpu);
    CHECK_FALSE(host.warped(vcpu));
  }
}

TEST_CASE("in Xen, virtual time is rebased by 0xe0000000 once svt reaches 0xf0000000, for sleeping vCPUs too") {
  for (const auto& [rules, rebase] :
       {std::pair{kBvtXen1, 0xe000'0000LL}, {kBvtXen2, 0xe000'0000LL}, {kBvtPaper, 0LL}}) {
    ScheduleHost host{rules};
    auto& sleeper = host.add_hog(400'000'000);
    host.run_until(kMillisecond);  // 10 charging units
    host.block(sleeper);
    CHECK(host.avt(sleeper) == 4'000'000'000);
    auto& hog = host.add_hog(410'000'000);
    host.run_until(2 * kMillisecond);
    host.states.request_reschedule(0);
    host.settle();
    CHECK(host.svt(hog) == 4'100'000'000 - rebase);
    CHECK(host.avt(hog) == 4'100'000'000 - rebase);
    CHECK(host.avt(sleeper) == 4'000'000'000 - rebase);
  }
}

TEST_CASE(
    "adjust: -EINVAL for mcu_advance 0 or a negative time, -EPERM for an idle vCPU; Xen 2.0 says 0 and does nothing") {
  ScheduleHost paper{kBvtPaper}, xen1{kBvtXen1}, xen2{kBvtXen2};
  for (auto* host : {&paper, &xen1, &xen2}) host->add();
  const hv::SchedulerParameters zero{.mcu_advance = 0};
  const auto negative = with_warp(10, -1, 0);
  CHECK(paper.bvt.adjust(paper.vcpus[0], zero, 0).eax() == -22);
  CHECK(paper.bvt.adjust(paper.vcpus[0], negative, 0).eax() == -22);
  CHECK(xen1.bvt.adjust(xen1.vcpus[0], zero, 0).eax() == -22);
  CHECK(xen1.bvt.adjust(xen1.vcpus[0], negative, 0).eax() == 0);  // takes no warp
  CHECK_FALSE(xen1.warped(xen1.vcpus[0]));
  CHECK(xen2.bvt.adjust(xen2.vcpus[0], negative, 0).eax() == 0);
  CHECK_FALSE(xen2.warped(xen2.vcpus[0]));
  for (auto* host : {&paper, &xen1, &xen2}) {
    CHECK(host->bvt.adjust(host->states.idle(0), {.mcu_advance = 10}, 0).eax() == -1);
  }
}

TEST_CASE("a vCPU that moves to another CPU starts at that CPU's virtual time") {
  ScheduleHost host{kBvtPaper, 5 * kMillisecond, 2};
  auto& old = host.add_hog(10, 1u << 1);
  host.run_until(100 * kMillisecond);
  auto& moved = host.add(10, 1u << 0);
  CHECK(host.avt(moved) == 0);
  host.states.pin(moved, 1u << 1, host.now);
  CHECK(moved.cpu == 1);
  CHECK(host.avt(moved) == host.svt(old));
}

TEST_CASE("the unwarp time goes on while a vCPU moves to another CPU") {
  ScheduleHost host{kBvtPaper, 5 * kMillisecond, 2};
  auto& moved = host.add(10, 1u << 0);
  CHECK(host.bvt.adjust(moved, with_warp(5'000, 2 * kMillisecond, 30 * kMillisecond), host.now).ok());
  host.wake(moved);
  host.run_until(2 * kMillisecond);
  CHECK_FALSE(host.warped(moved));
  host.block(moved);
  host.states.pin(moved, 1u << 1, host.now);
  host.run_until(32 * kMillisecond - 1);
  CHECK_FALSE(host.warped(moved));
  host.run_until(32 * kMillisecond);
  CHECK(host.warped(moved));
}
