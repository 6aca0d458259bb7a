// What the vCPUs of a host should get in the long run, all of them always wanting to run: the weighted max-min shares.
//
// Shares are feasible if no set of CPUs has to give more than it has to those that may run on no others (Hall's
// condition, over all sets: the hosts here have few CPUs). All shares rise in proportion to their weights until
// something is used up; whoever needed that stays where it is, and the others rise on.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

namespace test {

struct Claim {
  double weight = 1;
  double most = 1;           // of one CPU: its cap
  std::uint32_t cpus = ~0u;  // mask
};

inline std::vector<double> max_min_shares(const std::vector<Claim>& claims, std::uint32_t cpu_count) {
  const std::uint32_t all = ~0u >> (32 - cpu_count);
  std::vector<double> shares(claims.size(), 0);
  std::vector<bool> fixed(claims.size(), false);
  for (std::size_t left = claims.size(); left > 0;) {
    double rise = 1e9;  // by how much the common level can rise
    for (std::size_t i = 0; i < claims.size(); ++i) {
      if (!fixed[i]) rise = std::min(rise, (std::min(claims[i].most, 1.0) - shares[i]) / claims[i].weight);
    }
    struct Set {
      double room, weight;
    };
    std::vector<Set> sets(all + 1);
    for (std::uint32_t set = 1; set <= all; ++set) {
      Set& of = sets[set] = {static_cast<double>(std::popcount(set)), 0};
      for (std::size_t i = 0; i < claims.size(); ++i) {
        if ((claims[i].cpus & all & ~set) != 0) continue;
        of.room -= shares[i];
        if (!fixed[i]) of.weight += claims[i].weight;
      }
      if (of.weight > 0) rise = std::min(rise, of.room / of.weight);
    }
    for (std::size_t i = 0; i < claims.size(); ++i) {
      if (!fixed[i]) shares[i] += rise * claims[i].weight;
    }
    for (std::size_t i = 0; i < claims.size(); ++i) {
      if (fixed[i]) continue;
      bool stays = shares[i] >= std::min(claims[i].most, 1.0) - 1e-9;
      for (std::uint32_t set = 1; set <= all; ++set) {
        const bool needs_it = (claims[i].cpus & all & ~set) == 0;
        if (needs_it && sets[set].room - rise * sets[set].weight < 1e-9) stays = true;
      }
      if (!stays) continue;
      fixed[i] = true;
      --left;
    }
  }
  return shares;
}

}  // namespace test
