#include "experiments/runner/runner.h"

#include <fmt/format.h>

#include <csignal>

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

std::string run_job(const Setup& setup, std::uint64_t seed, const RunOptions& options) {
  return std::visit([](const auto& outcome) { return to_message(outcome); }, try_run(setup, seed, options));
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

std::variant<Replication, Failure> try_run(const Setup& setup, std::uint64_t seed, const RunOptions& options) {
  try {
    const Stopwatch stopwatch;
    Replication replication = setup.search ? search(setup, seed, options) : run_once(setup, seed, options);
    replication.host_seconds = stopwatch.seconds();
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
  Progress progress{options.progress, jobs.size(), "runs", options.title};
  const auto run = [&](std::size_t i) {
    RunOptions of_run = options;
    of_run.traces = traces_of_run(options.traces, i);
    return run_job(results[jobs[i].plan].plan.points[jobs[i].point].setup, jobs[i].seed, of_run);
  };
  const auto outcomes = run_in_processes(
      jobs.size(), options.jobs, run, [&](std::size_t n) { progress.show(n); }, stop_requested);
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    take_result(results[jobs[i].plan].points[jobs[i].point], outcomes[i], jobs[i].seed);
  }
  for (ExperimentResult& result : results) {
    for (PointResult& point : result.points) point.finished = point.finished && !point.failure;
    summarise_metrics(result);
  }
  return results;
}

}  // namespace runner
