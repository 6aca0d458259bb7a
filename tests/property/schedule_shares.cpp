// Random hosts with several CPUs under every scheduler, judged by a checker that knows only who runs where: nobody on
// two CPUs or where it may not be, no CPU idle beside somebody who could use it, nobody starved, shares by weight, caps
// kept. What each policy promises differs, and the tables below say what that is.
#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include "support/schedule_watch.h"
#include "support/shares.h"

using test::Idle, test::kMillisecond, test::NamedPolicyHost, test::Random, test::ScheduleWatcher;

namespace {

constexpr hv::SystemTime kSecond = 1000 * kMillisecond;

struct Promise {
  const char* name;
  const char* variant;
  Idle idle;
  hv::u32 most_cpus = 4;
};

constexpr Promise kPromises[] = {
    {"bvt", "paper", Idle::never_beside_own_work},
    {"bvt", "xen-1.0", Idle::never_beside_own_work},
    {"bvt", "xen-2.0", Idle::never_beside_own_work},
    {"rr", "xen-2.0", Idle::never_beside_own_work},
    {"sedf", "xen-3.0.3", Idle::sometimes},    // up to 500 us before a period begins
    {"credit", "xen-3.0.3", Idle::sometimes},  // until its slice ends, beside one that was put back elsewhere
    {"credit", "xen-3.0.3", Idle::never_beside_own_work, 1},
    {"credit", "xen-3.1", Idle::sometimes},
    {"credit", "xen-3.1", Idle::never_beside_own_work, 1},
    {"credit", "exact", Idle::never_beside_work},
    {"credit2", "one-queue", Idle::never_beside_work},
    {"null", "static", Idle::sometimes},  // whoever has no CPU waits
};

// A second of random waking, blocking, pinning and changes of weight, looked at at every instant when anything changes.
void disturb(const Promise& promise, std::uint64_t seed) {
  Random random{seed};
  NamedPolicyHost host{promise.name, promise.variant, static_cast<hv::u32>(random.from(1, promise.most_cpus))};
  const hv::u32 cpus = host.states.cpu_count();
  for (auto count = random.from(1, 10); count > 0; --count) host.create(random.mask(cpus));
  ScheduleWatcher watcher{host, promise.idle};
  for (int step = 0; step < 400; ++step) {
    hv::Vcpu& vcpu = random.one_of(host.vcpus);
    bool& wants = watcher.wants(vcpu);
    const auto dice = random.from(0, 19);
    if (dice == 0) {
      host.states.pin(vcpu, random.mask(cpus), host.now);
      host.settle();
    } else if (dice == 1) {
      static_cast<void>(host.adjust(vcpu, {.mcu_advance = static_cast<hv::u32>(random.from(1, 40)),
                                           .weight = static_cast<hv::u32>(random.from(64, 1024)),
                                           .extra = 1,
                                           .extra_weight = static_cast<hv::u32>(random.from(1, 8))}));
      host.settle();
    } else if (dice == 2 && host.states.running(vcpu)) {
      host.states.yield(vcpu, host.now);
      host.settle();
    } else if (!wants) {
      wants = true;
      host.wake(vcpu);
    } else if (host.states.running(vcpu)) {
      wants = false;
      host.block(vcpu);
    }
    watcher.check();
    watcher.run_until(host.now + random.from(0, 5 * kMillisecond));
  }
  watcher.close_books();
}

// vCPUs that always want to run, and what they get in the 10 s after the first.
struct Contest {
  std::vector<test::Claim> claims;
  hv::u32 cpus = 1;
};

std::vector<double> play(const char* name, const char* variant, const Contest& contest) {
  NamedPolicyHost host{name, variant, contest.cpus};
  for (const test::Claim& claim : contest.claims) {
    hv::Vcpu& vcpu = host.create(claim.cpus);
    static_cast<void>(
        host.adjust(vcpu, {.mcu_advance = static_cast<hv::u32>(std::lround(2560 / claim.weight)),
                           .weight = static_cast<hv::u32>(claim.weight),
                           .cap = claim.most < 1 ? static_cast<hv::u32>(std::lround(100 * claim.most)) : 0}));
  }
  for (hv::Vcpu& vcpu : host.vcpus) host.wake(vcpu);
  host.run_until(kSecond);
  std::vector<double> shares;
  for (const hv::Vcpu& vcpu : host.vcpus) shares.push_back(-static_cast<double>(host.ran(vcpu)));
  host.run_until(11 * kSecond);
  for (std::size_t i = 0; i < shares.size(); ++i)
    shares[i] = (shares[i] + static_cast<double>(host.ran(host.vcpus[i]))) / static_cast<double>(10 * kSecond);
  return shares;
}

// The largest difference to the max-min shares, of a CPU.
double worst_of(const char* name, const char* variant, const Contest& contest) {
  const std::vector<double> shares = play(name, variant, contest);
  const std::vector<double> ideal = test::max_min_shares(contest.claims, contest.cpus);
  double worst = 0;
  for (std::size_t i = 0; i < shares.size(); ++i) worst = std::max(worst, std::abs(shares[i] - ideal[i]));
  return worst;
}

// For BVT the weights are those of a whole mcu_advance.
Contest random_contest(Random& random, bool caps, bool pinned_to_one, bool pinned) {
  Contest contest{.cpus = static_cast<hv::u32>(random.from(1, 4))};
  for (auto count = random.from(2, 10); count > 0; --count) {
    test::Claim claim{.weight = static_cast<double>(64 << random.from(0, pinned_to_one ? 3 : 4))};
    if (caps && random.from(0, 2) == 0) claim.most = static_cast<double>(random.from(5, 90)) / 100;
    if (pinned && random.from(0, 1) == 0) claim.cpus = random.mask(contest.cpus);
    if (pinned_to_one) claim.cpus = 1u << random.from(0, contest.cpus - 1);
    contest.claims.push_back(claim);
  }
  return contest;
}

}  // namespace

TEST_CASE("whatever happens, nobody is on two CPUs or where it may not be, and no work waits beside an idle CPU") {
  for (const Promise& promise : kPromises) {
    const std::string policy = std::string{promise.name} + ' ' + promise.variant;
    CAPTURE(policy);
    for (std::uint64_t seed = 1; seed <= 12; ++seed) {
      CAPTURE(seed);
      disturb(promise, seed);
    }
  }
}

TEST_CASE("Credit as exact: shares of 1 to 4 CPUs over 10 s are the weighted max-min shares within 1 % of a CPU") {
  Random random{20061019};
  for (int round = 0; round < 60; ++round) {
    CAPTURE(round);
    const Contest contest = random_contest(random, round % 2 == 1, false, round % 3 == 2);
    CHECK(worst_of("credit", "exact", contest) < 0.01);
  }
}

// With caps it gives what they allow at once when a period begins, and somebody without one may find all CPUs taken
// then and idle later.
TEST_CASE("Credit2: the same where everybody may run everywhere and nobody has a cap") {
  Random random{20100415};
  for (int round = 0; round < 60; ++round) {
    CAPTURE(round);
    const Contest contest = random_contest(random, false, false, false);
    CHECK(worst_of("credit2", "one-queue", contest) < 0.01);
  }
}

TEST_CASE("BVT: the same where everybody has one CPU to run on") {
  Random random{19991212};
  for (int round = 0; round < 60; ++round) {
    CAPTURE(round);
    CHECK(worst_of("bvt", "paper", random_contest(random, false, true, false)) < 0.01);
  }
}

TEST_CASE("a cap is kept within 0.2 % of a CPU over 10 s, beside an idle CPU and beside competitors") {
  for (const auto& [name, variant] : {std::pair{"credit", "exact"}, {"credit2", "one-queue"}}) {
    for (const double cap : {0.05, 0.25, 0.5, 0.73, 0.9}) {
      const std::string policy = name;
      CAPTURE(policy);
      CAPTURE(cap);
      const double alone = play(name, variant, {{{.weight = 256, .most = cap}}, 2})[0];
      CHECK(std::abs(alone - cap) < 0.002);
      const double beside =
          play(name, variant, {{{.weight = 1024, .most = cap}, {.weight = 64}, {.weight = 64}}, 2})[0];
      CHECK(std::abs(beside - cap) < 0.002);
    }
  }
}

TEST_CASE("nobody starves: beside 8 of 16 times its weight, a vCPU waits at most 4 s for the CPU") {
  for (const Promise& promise : kPromises) {
    if (std::string{promise.name} == "null") continue;
    const std::string policy = std::string{promise.name} + ' ' + promise.variant;
    CAPTURE(policy);
    NamedPolicyHost host{promise.name, promise.variant, promise.most_cpus == 1 ? 1u : 2u};
    hv::SystemTime longest = 0;
    hv::Vcpu* light = nullptr;
    for (int i = 0; i < 9; ++i) {
      hv::Vcpu& vcpu = host.create();
      static_cast<void>(host.adjust(vcpu, {.mcu_advance = i == 0 ? 160u : 10u,
                                           .weight = i == 0 ? 64u : 1024u,
                                           .extra = 1,
                                           .extra_weight = i == 0 ? 1u : 16u}));
      if (i == 0) light = &vcpu;
    }
    host.on_choice = [&](hv::CpuId cpu) {
      if (&host.states.current(cpu) == light && light->run_since == host.now)
        longest = std::max(longest, host.now - light->runnable_since);
    };
    for (hv::Vcpu& vcpu : host.vcpus) host.wake(vcpu);
    host.run_until(20 * kSecond);
    CHECK(host.ran(*light) > 0);
    CHECK(longest < 4 * kSecond);
    if (light->state == hv::RunState::runnable) CHECK(host.now - light->runnable_since < 4 * kSecond);
  }
}

TEST_CASE("SEDF gives every domain its slice in every period, whatever others use of the rest") {
  Random random{20051209};
  for (int round = 0; round < 30; ++round) {
    CAPTURE(round);
    NamedPolicyHost host{"sedf", "xen-3.0.3", 1};
    struct Guarantee {
      hv::SystemTime period, slice, last = 0;
    };
    std::vector<Guarantee> guarantees;
    for (std::int64_t left = 90; left > 10 && guarantees.size() < 5;) {
      const auto percent = random.from(5, left);
      const hv::SystemTime period = random.from(5, 100) * kMillisecond;
      guarantees.push_back({period, period * percent / 100});
      left -= percent;
    }
    for (const Guarantee& of : guarantees) {
      const auto low = [](hv::SystemTime t) { return hv::low_word(static_cast<hv::u64>(t)); };
      REQUIRE(host.adjust(host.create(), {.period_low = low(of.period), .slice_low = low(of.slice)}).ok());
    }
    for (auto hogs = random.from(1, 4); hogs > 0; --hogs) host.create();
    for (hv::Vcpu& vcpu : host.vcpus) host.wake(vcpu);
    // Two whole periods hold at least one slice, wherever they begin.
    for (std::size_t i = 0; i < guarantees.size(); ++i) {
      Guarantee& of = guarantees[i];
      for (int n = 0; n < 50; ++n) {
        host.run_until(host.now + 2 * of.period);
        const hv::SystemTime ran = host.ran(host.vcpus[i]);
        if (n > 0) CHECK(ran - of.last >= of.slice);
        of.last = ran;
      }
    }
  }
}
