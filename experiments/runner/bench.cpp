#include "experiments/runner/bench.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include "experiments/runner/cli.h"
#include "experiments/runner/known_names.h"
#include "experiments/runner/stopwatch.h"
#include "experiments/runner/verbs.h"
#include "experiments/runner/version.h"

namespace runner {

namespace {

struct Timed {
  double seconds;
  double events;
};

// One replication of the point that has this name, in this process.
Timed run_timed(const std::string& experiment, const std::string& point_name) {
  const Plan plan = load_plan(root() / "experiments/paper" / (experiment + ".json"), {});
  Timed timed{0, 0};
  for (const Point& point : plan.points) {
    if (point.name != point_name) continue;
    const Stopwatch stopwatch;
    const Replication replication = run_once(point.setup, plan.experiment.seed, {});
    timed = {stopwatch.seconds(), static_cast<double>(replication.events)};
  }
  return timed;
}

double peak_gibibytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / (1 << 20);  // from KiB
}

}  // namespace

std::vector<Benchmark> bench_experiments() {
  const Timed latency = run_timed("udp-latency", "idle 129th");
  const Timed fig6 = run_timed("fig6", "slice 5 ms/domains.compute.count=128");
  return {{"UDP latency, 128 + 1 domains, 60 simulated seconds", latency.seconds, "s", 2, false},
          {"Fig 6, 128 domains with 5 ms slices", fig6.seconds, "s", 2, false},
          {"events of the UDP latency run, boot included", latency.events / latency.seconds / 1e6, "M/s"},
          {"peak memory, 128 domains", peak_gibibytes(), "GiB", 1, false}};
}

int bench_verb(bool json) {
  std::vector<Benchmark> benchmarks{bench_event_queue(), bench_page_table_updates()};
  for (Benchmark& benchmark : bench_experiments()) benchmarks.push_back(std::move(benchmark));
  if (json) {
    Json document{{"version", kVersion}, {"revision", kRevision}, {"benchmarks", Json::array()}};
    for (const Benchmark& b : benchmarks) {
      Json entry{{"name", b.name}, {"measured", b.measured}, {"unit", b.unit}};
      if (b.budget) entry[b.at_least ? "at_least" : "at_most"] = *b.budget;
      entry["within_budget"] = b.within_budget();
      document["benchmarks"].push_back(std::move(entry));
    }
    fmt::print("{}\n", document.dump(1));
    return kDone;
  }
  for (const Benchmark& b : benchmarks) {
    fmt::print("{:<52} {:>8.2f} {:<4}", b.name, b.measured, b.unit);
    if (b.budget) fmt::print(" budget: {} {:g} {}", b.at_least ? "at least" : "at most", *b.budget, b.unit);
    fmt::print("{}\n", b.within_budget() ? "" : "  MISSED");
  }
  return kDone;
}

}  // namespace runner
