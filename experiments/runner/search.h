// Looks for the value of a number in a set-up at which a metric falls to a limit: how many connections a server
// sustains, how many domains a machine carries.
//
// Every probe is a run of its own with the same seed. As long as the system is the limit, a metric per load falls about
// as the load grows, so the first step is by proportion; from the second run on the logarithms of the nearest two are
// connected by a straight line, between a value that passes and one that does not when there are both. Some three runs
// find a limit to half a per cent.
#pragma once

#include <functional>
#include <vector>

#include "experiments/runner/runner.h"

namespace runner {

struct Probe {
  std::int64_t value;
  double metric;
};

// Where the metric falls to `limit`, by the probes made so far, of which there is at least one; all have values and
// metrics above 0.
double estimate_crossing(const std::vector<Probe>& probes, double limit);

struct SearchResult {
  double value = 0;
  std::vector<Probe> probes;  // in the order in which they were made
};

// Probes from `start` on. Throws std::runtime_error when the value is not known well enough after `most_runs`.
SearchResult find_crossing(const SearchSettings& settings, std::int64_t start,
                           const std::function<double(std::int64_t)>& probe);

// The measurements of the run nearest to the value found, with that value, and how many runs it took as "search_runs".
// Throws InputError when the set-up does not have the key, or not as a whole number.
Replication search(const Setup& setup, std::uint64_t seed, const RunOptions& options);

// Throws InputError below `place`: what search() would.
void check_search(const Setup& setup, const Place& place);

}  // namespace runner
