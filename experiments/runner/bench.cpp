#include "experiments/runner/bench.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <chrono>

#include "experiments/runner/cli.h"
#include "experiments/runner/known_names.h"
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
    const auto start = std::chrono::steady_clock::now();
    const Replication replication = run_once(point.setup, plan.experiment.seed, {});
    timed.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    for (const Measurement& m : replication.measurements) {
      if (m.metric == "events") timed.events = m.value;
    }
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
          {"events of Fig 6 with 128 domains", fig6.events / fig6.seconds / 1e6, "M/s", 3, true},
          {"peak memory, 128 domains", peak_gibibytes(), "GiB", 1, false}};
}

int bench_verb(bool json) {
  std::vector<Benchmark> benchmarks{bench_event_queue(), bench_page_table_updates()};
  for (Benchmark& benchmark : bench_experiments()) benchmarks.push_back(std::move(benchmark));
  if (json) {
    Json document{{"version", kVersion}, {"revision", kRevision}, {"benchmarks", Json::array()}};
    for (const Benchmark& b : benchmarks) {
      document["benchmarks"].push_back({{"name", b.name},
                                        {"measured", b.measured},
                                        {"unit", b.unit},
                                        {b.at_least ? "at_least" : "at_most", b.budget},
                                        {"within_budget", b.within_budget()}});
    }
    fmt::print("{}\n", document.dump(1));
    return kDone;
  }
  for (const Benchmark& b : benchmarks) {
    fmt::print("{:<52} {:>8.2f} {:<4} budget: {} {:g} {:<4} {}\n", b.name, b.measured, b.unit,
               b.at_least ? "at least" : "at most", b.budget, b.unit, b.within_budget() ? "" : "MISSED");
  }
  return kDone;
}

}  // namespace runner
