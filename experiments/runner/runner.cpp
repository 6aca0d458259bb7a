#include "experiments/runner/runner.h"

#include <fmt/format.h>

#include <csignal>
#include <functional>
#include <map>
#include <optional>
#include <utility>

#include "experiments/runner/processes.h"
#include "experiments/runner/progress.h"
#include "experiments/runner/results.h"
#include "experiments/runner/search.h"
#include "experiments/runner/stopwatch.h"
#include "model/machine.h"

namespace runner {

namespace {

volatile std::sig_atomic_t stop_requested = 0;

struct Job {
  std::size_t plan, point;
  std::uint64_t seed;
};

// Between the processes: what a job did, as JSON.
std::string to_message(const Replication& replication) {
  Json measurements = Json::array();
  for (const Measurement& m : replication.measurements) measurements.push_back({m.metric, m.value, m.unit});
  return Json{{"seed", replication.seed},     {"fingerprint", replication.fingerprint},
              {"events", replication.events}, {"host_seconds", replication.host_seconds},
              {"measurements", measurements}, {"latencies_ns", replication.latencies_ns}}
      .dump();
}

std::string to_message(const Failure& failure) {
  return Json{{"failure", static_cast<int>(failure.kind)}, {"message", failure.message}}.dump();
}

using Outcome = std::variant<Replication, Failure>;

std::string to_message(const Outcome& outcome) {
  return std::visit([](const auto& what) { return to_message(what); }, outcome);
}

// What `run` returns, with the CPU time that it took, or why it did not.
Outcome attempt(std::uint64_t seed, const std::function<Replication()>& run) {
  try {
    const Stopwatch stopwatch;
    Replication replication = run();
    replication.host_seconds += stopwatch.seconds();
    return replication;
  } catch (const guest::SpecError& error) {
    return Failure{Failure::Kind::input, error.what()};
  } catch (const InputError& error) {
    return Failure{Failure::Kind::input, error.what()};
  } catch (const model::BrokenInvariant& error) {
    return Failure{Failure::Kind::invariant, error.what()};
  } catch (const std::exception& error) {
    return Failure{Failure::Kind::error, fmt::format("{} (seed {})", error.what(), seed)};
  }
}

// Jobs that start alike, one after the other, each in a fork of this process, which boots their host.
std::vector<JobResult> run_from_one_start(const std::vector<const Setup*>& setups, std::uint64_t seed,
                                          const RunOptions& options) {
  std::optional<StartedRun> start;
  const Outcome started = attempt(seed, [&] {
    start.emplace(*setups.front(), seed, options);
    return Replication{};
  });
  if (std::holds_alternative<Failure>(started)) {
    return std::vector<JobResult>(setups.size(), {JobResult::State::done, to_message(started)});
  }
  const double share = std::get<Replication>(started).host_seconds / static_cast<double>(setups.size());
  const auto go_on = [&](std::size_t i) {
    return to_message(attempt(seed, [&] {
      Replication replication = start->finish(*setups[i]);
      replication.host_seconds = share;
      return replication;
    }));
  };
  return run_in_processes(
      setups.size(), 1, go_on, [](std::size_t) {}, stop_requested);
}

// Between the processes, too: what became of each of several jobs.
std::string to_message(const std::vector<JobResult>& results) {
  Json message = Json::array();
  for (const JobResult& result : results) message.push_back({static_cast<int>(result.state), result.output});
  return message.dump();
}

std::vector<JobResult> results_of(const JobResult& all, std::size_t count) {
  if (all.state != JobResult::State::done) return std::vector<JobResult>(count, all);
  std::vector<JobResult> results;
  for (const Json& result : Json::parse(all.output)) {
    results.push_back({static_cast<JobResult::State>(result[0].get<int>()), result[1].get<std::string>()});
  }
  return results;
}

// Of so many jobs, the numbers of those that start alike, in the order of the first of each.
std::vector<std::vector<std::size_t>> alike(std::size_t count, const std::function<std::string(std::size_t)>& start) {
  std::vector<std::vector<std::size_t>> groups;
  std::map<std::string, std::size_t> known;
  for (std::size_t i = 0; i < count; ++i) {
    const auto [group, is_new] = known.emplace(start(i), groups.size());
    if (is_new) groups.emplace_back();
    groups[group->second].push_back(i);
  }
  return groups;
}

void take_result(PointResult& point, const JobResult& job, std::uint64_t seed) {
  if (job.state == JobResult::State::not_run) {
    point.finished = false;
    return;
  }
  if (job.state == JobResult::State::crashed) {
    point.failure = Failure{Failure::Kind::error, fmt::format("{} (seed {})", job.output, seed)};
    return;
  }
  const Json message = Json::parse(job.output);
  if (message.contains("failure")) {
    point.failure =
        Failure{static_cast<Failure::Kind>(message["failure"].get<int>()), message["message"].get<std::string>()};
    return;
  }
  Replication& replication = point.replications.emplace_back();
  replication.seed = message["seed"].get<std::uint64_t>();
  replication.fingerprint = message["fingerprint"].get<std::uint64_t>();
  replication.events = message["events"].get<std::uint64_t>();
  replication.host_seconds = message["host_seconds"].get<double>();
  for (const Json& m : message["measurements"]) {
    replication.measurements.push_back({m[0].get<std::string>(), m[1].get<double>(), m[2].get<std::string>()});
  }
  replication.latencies_ns = message["latencies_ns"].get<std::vector<std::int64_t>>();
}

}  // namespace

bool interrupted() { return stop_requested != 0; }

const volatile std::sig_atomic_t& interrupt_flag() { return stop_requested; }

void catch_interrupts() {
  for (const int signal : {SIGINT, SIGTERM}) std::signal(signal, [](int) { stop_requested = 1; });
}

Outcome try_run(const Setup& setup, std::uint64_t seed, const RunOptions& options) {
  return attempt(seed, [&] { return setup.search ? search(setup, seed, options) : run_once(setup, seed, options); });
}

std::vector<ExperimentResult> run_plans(std::vector<Plan> plans, const RunOptions& options) {
  std::vector<ExperimentResult> results;
  std::vector<Job> jobs;
  for (std::size_t p = 0; p < plans.size(); ++p) {
    ExperimentResult& result = results.emplace_back(ExperimentResult{std::move(plans[p]), {}});
    result.points.resize(result.plan.points.size(), PointResult{.finished = true});
    for (std::size_t i = 0; i < result.points.size(); ++i) {
      for (std::uint32_t r = 0; r < result.plan.experiment.replications; ++r) {
        jobs.push_back({p, i, result.plan.experiment.seed + r});
      }
    }
  }
  check_traces(options.traces, jobs.size());
  const auto setup_of = [&](std::size_t i) -> const Setup& {
    return results[jobs[i].plan].plan.points[jobs[i].point].setup;
  };
  const bool each_alone = !options.traces.empty() || !options.activity_traces.empty();
  const auto groups = alike(jobs.size(), [&](std::size_t i) {
    return each_alone || setup_of(i).search ? std::to_string(i) : start_of(setup_of(i), jobs[i].seed);
  });
  const auto run = [&](std::size_t g) {
    const std::vector<std::size_t>& group = groups[g];
    const std::uint64_t seed = jobs[group.front()].seed;
    if (group.size() == 1) {
      RunOptions of_run = options;
      of_run.traces = traces_of_run(options.traces, group.front());
      const std::string outcome = to_message(try_run(setup_of(group.front()), seed, of_run));
      return to_message(std::vector<JobResult>{{JobResult::State::done, outcome}});
    }
    std::vector<const Setup*> setups;
    for (const std::size_t i : group) setups.push_back(&setup_of(i));
    return to_message(run_from_one_start(setups, seed, options));
  };
  Progress progress{options.progress, groups.size(), "runs", options.title};
  const auto outcomes = run_in_processes(
      groups.size(), options.jobs, run, [&](std::size_t n) { progress.show(n); }, stop_requested);
  std::vector<JobResult> of_jobs(jobs.size());
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const std::vector<JobResult> of_group = results_of(outcomes[g], groups[g].size());
    for (std::size_t i = 0; i < of_group.size(); ++i) of_jobs[groups[g][i]] = of_group[i];
  }
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    take_result(results[jobs[i].plan].points[jobs[i].point], of_jobs[i], jobs[i].seed);
  }
  for (ExperimentResult& result : results) {
    for (PointResult& point : result.points) point.finished = point.finished && !point.failure;
    summarise_metrics(result);
  }
  return results;
}

}  // namespace runner
