#include "experiments/runner/bench.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "experiments/runner/cli.h"
#include "experiments/runner/input_error.h"
#include "experiments/runner/known_names.h"
#include "experiments/runner/names.h"
#include "experiments/runner/parameters.h"
#include "experiments/runner/stopwatch.h"
#include "experiments/runner/verbs.h"
#include "experiments/runner/version.h"
#include "workloads/host.h"

namespace runner {

namespace {

struct Timed {
  double seconds;
  double events;
};

Plan paper_plan(const std::string& experiment, const Choices& choices = {}) {
  return load_plan(root() / "experiments/paper" / (experiment + ".json"), choices);
}

// One replication of the point that has this name, in this process.
Timed run_timed(const Plan& plan, const std::string& point_name) {
  Timed timed{0, 0};
  for (const Point& point : plan.points) {
    if (point.name != point_name) continue;
    const Stopwatch stopwatch;
    const Replication replication = run_once(point.setup, plan.experiment.seed, {});
    timed = {stopwatch.seconds(), static_cast<double>(replication.events)};
  }
  return timed;
}

// Seconds by the clock for all points and replications of an experiment, in two processes.
Benchmark whole_experiment(const std::string& experiment) {
  const auto start = std::chrono::steady_clock::now();
  run_plans({paper_plan(experiment)}, {.jobs = 2});
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return {fmt::format("{}.json, wall time with two processes", experiment), seconds, "s"};
}

// The memory that the machine can have does not hold 1024 domains with all pages of the profile, so both have few;
// those that a program touched once make no difference later. Boot is not in it: domain 0 builds the domains one after
// the other on a CPU that it shares with those it has built, so that takes their square.
Benchmark bench_many_domains() {
  const auto seconds = [](int domains) {
    const std::string count = fmt::format("domains.compute.count={}", domains);
    const Choices choices{.set = {"parameters.memory.size=4032 MiB", "domains.compute.memory=3.75 MiB",
                                  "parameters.cint2000.resident_pages=32", "parameters.cint2000.hot_pages=32",
                                  "duration=60 s", "system=xen", count},
                          .seed = {},
                          .replications = {}};
    const Plan plan = paper_plan("fig6", choices);
    const Setup& setup = plan.points.front().setup;
    const ModelFiles files{setup};
    guest::Host host{host_spec(setup, files, plan.experiment.seed)};
    host.boot();
    host.run_for(setup.warmup);
    const Stopwatch stopwatch;
    host.run_for(setup.duration);
    return stopwatch.seconds();
  };
  const double few = seconds(128);
  return {"1024 domains against 128, the same simulated time",
          seconds(1024) / few,
          "x",
          10,
          false,
          "60 simulated seconds of Fig 6 with 5 ms slices, boot not included"};
}

double peak_gibibytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / (1 << 20);  // from KiB
}

}  // namespace

std::vector<Benchmark> bench_experiments() {
  const Timed latency = run_timed(paper_plan("udp-latency"), "idle 129th");
  const Timed fig6 = run_timed(paper_plan("fig6"), "slice 5 ms/domains.compute.count=128");
  return {{"UDP latency, 128 + 1 domains, 60 simulated seconds", latency.seconds, "s", 2, false},
          {"Fig 6, 128 domains with 5 ms slices", fig6.seconds, "s", 2, false},
          {"events of the UDP latency run, boot included", latency.events / latency.seconds / 1e6, "M/s"},
          {"peak memory, 128 domains", peak_gibibytes(), "GiB", 1, false},
          bench_many_domains(),
          whole_experiment("udp-latency"),
          whole_experiment("fig6")};
}

namespace {

struct Group {
  const char* name;
  std::vector<Benchmark> (*run)();
  bool asked_for = false;  // takes minutes: only when it is named
};

const Group kGroups[] = {
    {"event-queue", [] { return std::vector{bench_event_queue()}; }},
    {"page-tables", bench_page_table_updates},
    {"schedulers", bench_schedulers},
    {"disk", bench_disk},
    {"experiments", bench_experiments},
    {"sweeps", bench_sweeps, true},
};

Json document_of(const Benchmark& b) {
  Json entry{{"name", b.name}, {"measured", b.measured}, {"unit", b.unit}};
  if (!b.note.empty()) entry["note"] = b.note;
  if (b.budget) entry[b.at_least ? "at_least" : "at_most"] = *b.budget;
  entry["within_budget"] = b.within_budget();
  return entry;
}

void print(const Benchmark& b) {
  fmt::print("{:<52} {:>8.2f} {:<4}", b.name, b.measured, b.unit);
  if (b.budget) fmt::print(" budget: {} {:g} {}", b.at_least ? "at least" : "at most", *b.budget, b.unit);
  fmt::print("{}\n", b.within_budget() ? "" : "  MISSED");
  if (!b.note.empty()) fmt::print("  {}\n", b.note);
  std::fflush(stdout);  // the next one may take a while
}

}  // namespace

int bench_verb(bool json, const std::vector<std::string>& groups) {
  std::vector<std::string> names;
  for (const Group& group : kGroups) names.emplace_back(group.name);
  for (const std::string& name : groups) {
    if (std::ranges::find(names, name) != names.end()) continue;
    throw InputError{{"bench", ""}, Mismatch{"one of " + one_of(names), in_quotes(name), nearest_name(name, names)}};
  }
  Json document{{"version", kVersion}, {"revision", kRevision}, {"benchmarks", Json::array()}};
  for (const Group& group : kGroups) {
    const bool named = std::ranges::find(groups, group.name) != groups.end();
    if (groups.empty() ? group.asked_for : !named) continue;
    for (const Benchmark& benchmark : group.run()) {
      if (json) {
        document["benchmarks"].push_back(document_of(benchmark));
      } else {
        print(benchmark);
      }
    }
  }
  if (json) fmt::print("{}\n", document.dump(1));
  return kDone;
}

}  // namespace runner
