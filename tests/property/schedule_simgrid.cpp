// SimGrid shares CPUs by max-min fairness with an arithmetic of its own, for flows, not for slices: in the long run the
// core's schedulers must agree with it. Hosts of random size are split among groups of vCPUs that are pinned to parts
// of them; a part is a SimGrid host with as many cores, a vCPU an execution with a priority, its weight, and a bound,
// its cap.
#include <doctest/doctest.h>
#include <simgrid/s4u.hpp>

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "support/policy_host.h"

namespace {

namespace sg = simgrid::s4u;

constexpr double kSpeed = 1e9;
constexpr double kSeconds = 10;
constexpr hv::SystemTime kSecond = 1'000'000'000;

struct Claimant {
  hv::u32 weight;
  hv::u32 cap;  // percent; 0: none
  hv::u32 cpus;
};

struct Round {
  const char* scheduler;
  const char* variant;
  hv::u32 cpus;
  std::vector<hv::u32> parts;  // masks
  std::vector<Claimant> claimants;
  std::vector<double> expected;  // by SimGrid, of a CPU
};

std::int64_t draw(std::mt19937_64& engine, std::int64_t least, std::int64_t most) {
  return least + static_cast<std::int64_t>(engine() % static_cast<std::uint64_t>(most - least + 1));
}

// What each scheduler is asked to share: BVT balances no load, so its parts are single CPUs; Credit2 has one queue
// whose credits mean nothing across parts.
Round random_round(std::mt19937_64& engine, std::size_t number) {
  Round round{.scheduler = "credit", .variant = "exact", .cpus = static_cast<hv::u32>(draw(engine, 1, 4))};
  const bool bvt = number % 3 == 1, credit2 = number % 3 == 2;
  if (bvt) round.scheduler = "bvt", round.variant = "paper";
  if (credit2) round.scheduler = "credit2", round.variant = "one-queue";
  for (hv::u32 first = 0; first < round.cpus;) {
    const auto size = bvt ? 1 : credit2 ? round.cpus : static_cast<hv::u32>(draw(engine, 1, round.cpus - first));
    round.parts.push_back((hv::kAllCpus >> (32 - size)) << first);
    first += size;
  }
  for (const hv::u32 part : round.parts) {
    for (auto count = draw(engine, 1, 6); count > 0; --count) {
      const bool capped = !bvt && !credit2 && draw(engine, 0, 2) == 0;
      round.claimants.push_back(
          {64u << draw(engine, 0, bvt ? 3 : 4), capped ? static_cast<hv::u32>(draw(engine, 5, 95)) : 0, part});
    }
  }
  round.expected.resize(round.claimants.size());
  return round;
}

// All rounds at once: SimGrid is started once in a process.
void ask_simgrid(std::vector<Round>& rounds) {
  int argc = 1;
  std::string name = "schedule_simgrid";
  char* argv[] = {name.data(), nullptr};
  sg::Engine engine{&argc, argv};
  sg::NetZone* zone = sg::create_full_zone("all");
  for (std::size_t r = 0; r < rounds.size(); ++r) {
    for (std::size_t p = 0; p < rounds[r].parts.size(); ++p) {
      zone->create_host(std::to_string(r) + '.' + std::to_string(p), kSpeed)
          ->set_core_count(__builtin_popcount(rounds[r].parts[p]))
          ->seal();
    }
  }
  zone->seal();
  sg::Actor::create("asker", engine.get_all_hosts().front(), [&] {
    std::vector<std::vector<sg::ExecPtr>> all;
    for (std::size_t r = 0; r < rounds.size(); ++r) {
      all.emplace_back();
      for (const Claimant& claimant : rounds[r].claimants) {
        std::size_t part = 0;
        while (rounds[r].parts[part] != claimant.cpus) ++part;
        sg::ExecPtr exec = sg::Exec::init();
        exec->set_flops_amount(1e15)->set_priority(claimant.weight);
        if (claimant.cap != 0) exec->set_bound(kSpeed * claimant.cap / 100);
        exec->set_host(sg::Host::by_name(std::to_string(r) + '.' + std::to_string(part)));
        exec->start();
        all.back().push_back(exec);
      }
    }
    sg::this_actor::sleep_for(kSeconds);
    for (std::size_t r = 0; r < rounds.size(); ++r) {
      for (std::size_t i = 0; i < all[r].size(); ++i) {
        rounds[r].expected[i] = (1e15 - all[r][i]->get_remaining()) / (kSeconds * kSpeed);
        all[r][i]->cancel();
      }
    }
  });
  engine.run();
}

}  // namespace

TEST_CASE("over 10 s, Credit, BVT and Credit2 share CPUs as SimGrid does, within 1 % of a CPU") {
  std::mt19937_64 engine{20040601};
  std::vector<Round> rounds;
  for (std::size_t i = 0; i < 90; ++i) rounds.push_back(random_round(engine, i));
  ask_simgrid(rounds);
  for (const Round& round : rounds) {
    test::NamedPolicyHost host{round.scheduler, round.variant, round.cpus};
    for (const Claimant& claimant : round.claimants) {
      static_cast<void>(
          host.adjust(host.create(claimant.cpus),
                      {.mcu_advance = 2560 / claimant.weight, .weight = claimant.weight, .cap = claimant.cap}));
    }
    for (hv::Vcpu& vcpu : host.vcpus) host.wake(vcpu);
    host.run_until(kSecond);
    std::vector<hv::SystemTime> before;
    for (const hv::Vcpu& vcpu : host.vcpus) before.push_back(host.ran(vcpu));
    host.run_until(11 * kSecond);
    for (std::size_t i = 0; i < before.size(); ++i) {
      const double share = static_cast<double>(host.ran(host.vcpus[i]) - before[i]) / static_cast<double>(10 * kSecond);
      const std::string scheduler = round.scheduler;
      CAPTURE(scheduler);
      CAPTURE(i);
      CHECK(std::abs(share - round.expected[i]) < 0.01);
    }
  }
}
