#include "experiments/runner/search.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "experiments/runner/names.h"
#include "experiments/runner/overrides.h"
#include "experiments/runner/settings.h"

namespace runner {

namespace {

constexpr double kLongestStep = 3;  // as a factor
// How much the metric falls with the value, in logarithms: by proportion is 1. Steeper than that it may be, but a line
// through two probes that differ by chance alone must not lead anywhere.
constexpr double kFlattest = 0.7, kSteepest = 6;

double distance(const Probe& probe, double limit) { return std::abs(std::log(probe.metric / limit)); }

Setup with_value(const Setup& setup, std::int64_t value, const Place& place) {
  OverlaidJson json{write_settings(setup), place};
  json.set({setup.search->key, value, place.below("search").below("key")});
  Setup changed;
  json.locating_errors([&] { read_settings(changed, json.document(), place); });
  return changed;
}

// The number that the key names; walks like OverlaidJson::set().
std::int64_t value_of(const Setup& setup, const Place& place) {
  const Json document = write_settings(setup);
  OverlaidJson probe{document, place};
  // Whatever has changed in the document by setting the key is what it names.
  probe.set({setup.search->key, nullptr, place.below("search").below("key")});
  const Json difference = Json::diff(probe.document(), document);
  if (difference.size() == 1 && difference[0]["op"] == "replace" && difference[0]["value"].is_number_integer()) {
    return difference[0]["value"].get<std::int64_t>();
  }
  throw InputError{place.below("search").below("key"),
                   Mismatch{"the key of a whole number in the set-up", in_quotes(setup.search->key), ""}};
}

}  // namespace

double estimate_crossing(const std::vector<Probe>& probes, double limit) {
  // Of two that give the same, on a level stretch, the one further towards where the other side is.
  const auto nearer = [&](const Probe& a, const Probe& b) {
    if (distance(a, limit) != distance(b, limit)) return distance(a, limit) < distance(b, limit);
    return a.metric >= limit ? a.value > b.value : a.value < b.value;
  };
  std::vector<Probe> sorted = probes;
  std::ranges::stable_sort(sorted, nearer);
  const Probe& nearest = sorted.front();
  double fall = 1;
  if (sorted.size() > 1) {
    // The nearest on the other side of the limit, else the next nearest.
    const bool passes = nearest.metric >= limit;
    auto other = std::find_if(sorted.begin() + 1, sorted.end(),
                              [&](const Probe& probe) { return (probe.metric >= limit) != passes; });
    if (other == sorted.end()) other = sorted.begin() + 1;
    const double values = std::log(static_cast<double>(other->value) / static_cast<double>(nearest.value));
    if (values != 0) fall = -std::log(other->metric / nearest.metric) / values;
    fall = std::clamp(fall, kFlattest, kSteepest);
  }
  const double step = std::pow(nearest.metric / limit, 1 / fall);
  return static_cast<double>(nearest.value) * std::clamp(step, 1 / kLongestStep, kLongestStep);
}

SearchResult find_crossing(const SearchSettings& settings, std::int64_t start,
                           const std::function<double(std::int64_t)>& probe) {
  SearchResult result;
  const auto limit = static_cast<double>(settings.at_least);
  std::int64_t next = start;
  while (result.probes.size() < settings.most_runs) {
    result.probes.push_back({next, std::max(probe(next), 1e-9)});
    result.value = estimate_crossing(result.probes, limit);
    const double tolerance = std::max(result.value * settings.tolerance / 1000, 0.5);
    const bool known = std::ranges::any_of(result.probes, [&](const Probe& made) {
      return std::abs(static_cast<double>(made.value) - result.value) <= tolerance;
    });
    if (known) return result;
    next = std::max<std::int64_t>(1, std::llround(result.value));
    // The same run again would say nothing new.
    if (std::ranges::find(result.probes, next, &Probe::value) != result.probes.end()) return result;
  }
  std::string made;
  for (const Probe& each : result.probes) made += fmt::format(" {}: {:.6g}", each.value, each.metric);
  throw std::runtime_error{fmt::format("the search for {} ended after {} runs without a value; {} was{}", settings.key,
                                       result.probes.size(), settings.metric, made)};
}

void check_search(const Setup& setup, const Place& place) {
  if (setup.search) value_of(setup, place);
}

Replication search(const Setup& setup, std::uint64_t seed, const RunOptions& options) {
  const SearchSettings& settings = *setup.search;
  const Place place{"search", ""};
  std::vector<Replication> runs;
  const SearchResult found = find_crossing(settings, value_of(setup, place), [&](std::int64_t value) {
    const std::vector<Measurement>& measured =
        runs.emplace_back(run_once(with_value(setup, value, place), seed, options)).measurements;
    const auto metric = std::ranges::find(measured, settings.metric, &Measurement::metric);
    if (metric == measured.end()) throw std::runtime_error{"a run of the search did not measure " + settings.metric};
    return metric->value;
  });
  std::size_t nearest = 0;
  for (std::size_t i = 1; i < runs.size(); ++i) {
    const auto away = [&](std::size_t run) {
      return std::abs(static_cast<double>(found.probes[run].value) - found.value);
    };
    if (away(i) < away(nearest)) nearest = i;
  }
  Replication result = std::move(runs[nearest]);
  result.measurements.push_back({settings.name, found.value, "1"});
  result.measurements.push_back({"search_runs", static_cast<double>(runs.size()), "1"});
  return result;
}

}  // namespace runner
