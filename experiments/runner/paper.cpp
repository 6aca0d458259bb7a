#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "experiments/runner/cli.h"
#include "experiments/runner/disk_report.h"
#include "experiments/runner/known_names.h"
#include "experiments/runner/ledger.h"
#include "experiments/runner/names.h"
#include "experiments/runner/results.h"
#include "experiments/runner/script.h"
#include "experiments/runner/verbs.h"
#include "experiments/runner/version.h"

namespace runner {

namespace {

std::vector<std::filesystem::path> files_in(const std::filesystem::path& folder, const std::string& extension) {
  std::vector<std::filesystem::path> files;
  std::error_code ignored;  // a folder that is not there has no files
  for (const auto& entry : std::filesystem::directory_iterator{folder, ignored}) {
    if (entry.path().extension() == extension) files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

std::vector<Plan> chosen_plans(const std::vector<std::string>& ids) {
  std::vector<Plan> plans;
  std::vector<std::string> known;
  for (const auto& file : files_in(root() / "experiments/paper", ".json")) {
    Plan plan = load_plan(file, {});
    known.push_back(plan.experiment.id);
    if (ids.empty() || std::ranges::find(ids, known.back()) != ids.end()) plans.push_back(std::move(plan));
  }
  for (const std::string& id : ids) {
    if (std::ranges::find(known, id) == known.end()) {
      throw InputError{{"paper", ""}, Mismatch{one_of(known), in_quotes(id), nearest_name(id, known)}};
    }
  }
  return plans;
}

std::vector<SimulatedValue> simulated_values(const std::vector<ExperimentResult>& results) {
  std::vector<SimulatedValue> values;
  for (const ExperimentResult& result : results) {
    for (const LedgerLine& line : result.plan.experiment.ledger) {
      for (std::size_t i = 0; i < result.points.size(); ++i) {
        if (!concerns(line, result.plan.points[i])) continue;
        const auto& metrics = result.points[i].metrics;
        const auto metric = std::ranges::find(metrics, line.metric, &MetricResult::metric);
        if (metric == metrics.end()) continue;  // the point failed
        values.push_back(
            {published_id(line, result.plan.points[i]), metric->mean, metric->ci_low, metric->ci_high, metric->unit});
      }
    }
  }
  return values;
}

// What the report has to know of this run beside its results: what was run, how long it took, what failed.
Json run_document(const std::vector<std::string>& ids, const std::vector<ExperimentResult>& results,
                  const std::vector<std::string>& failed_scripts) {
  Json experiments = Json::array();
  for (const ExperimentResult& result : results) {
    Json points = Json::array();
    for (const PointResult& point : result.points) {
      double seconds = 0;
      for (const Replication& replication : point.replications) seconds += replication.host_seconds;
      points.push_back({{"host_seconds", seconds}});
    }
    experiments.push_back({{"id", result.plan.experiment.id},
                           {"file", std::filesystem::relative(result.plan.file, root()).string()},
                           {"points", points}});
  }
  return {{"version", kVersion}, {"revision", kRevision},      {"dirty", kDirty},
          {"chosen", ids},       {"experiments", experiments}, {"failed_scripts", failed_scripts}};
}

// The slowest experiment first, with how fast it was simulated.
std::string cost_table(const std::vector<ExperimentResult>& results) {
  struct Cost {
    std::string id;
    double seconds = 0;
    std::uint64_t events = 0;
  };
  std::vector<Cost> costs;
  for (const ExperimentResult& result : results) {
    Cost& cost = costs.emplace_back(Cost{.id = result.plan.experiment.id});
    for (const PointResult& point : result.points) {
      for (const Replication& replication : point.replications) {
        cost.seconds += replication.host_seconds;
        cost.events += replication.events;
      }
    }
  }
  std::ranges::stable_sort(costs, std::greater{}, &Cost::seconds);
  std::string table =
      fmt::format("{:<24} {:>12} {:>14} {:>14}\n", "slowest experiments", "CPU time", "events", "events/s");
  for (const Cost& cost : costs) {
    const double rate = cost.seconds > 0 ? static_cast<double>(cost.events) / cost.seconds : 0;
    table += fmt::format("{:<24} {:>10.2f} s {:>14} {:>14.0f}\n", cost.id, cost.seconds, cost.events, rate);
  }
  return table;
}

// All scripts of a folder but the parts of others, with these arguments and where their output goes.
Scripts scripts_in(const char* folder, std::vector<std::string> arguments, const std::filesystem::path& out) {
  std::filesystem::create_directories(out);
  arguments.insert(arguments.end(), {"--out", out.string()});
  Scripts scripts;
  for (const std::filesystem::path& file : files_in(root() / folder, ".py")) {
    if (!file.filename().string().starts_with('_')) scripts.push_back({file, arguments});
  }
  return scripts;
}

}  // namespace

int paper_verb(const std::vector<std::string>& ids, const RunOptions& options) {
  std::vector<Plan> plans = chosen_plans(ids);
  catch_interrupts();
  const std::vector<ExperimentResult> results = run_plans(std::move(plans), options);
  int status = exit_status(results);
  report_failures(results);
  if (status == kBadInput) return status;

  const std::filesystem::path out = root() / "results/out/paper";
  for (const ExperimentResult& result : results) {
    write_results(out / result.plan.experiment.id, {result});
    fmt::print("{}\n", result_table(result));
  }
  const std::vector<LedgerRow> ledger = make_ledger(load_published(published_path()), simulated_values(results));
  write_file(out / "ledger.csv", ledger_csv(ledger));
  fmt::print("{}\n{}\n{} published values in {}\n", cost_table(results), summary_table(summarise(ledger)),
             ledger.size(), (out / "ledger.csv").string());
  std::fflush(stdout);
  if (status == kInterrupted) return status;
  for (const char* folder : {"figures", "disk"}) std::filesystem::remove_all(out / folder);  // of an earlier run
  const auto in_folder = [&](const char* folder, const std::filesystem::path& to) {
    return scripts_in(folder, {"--results", out.string(), "--published", published_path().string()}, to);
  };
  const auto disk = [&] {
    write_disk_comparison(out / "disk");
    return in_folder("results/disk", out / "disk");
  };
  const auto report = [&](const Failed& without) {
    std::vector<std::string> names;
    for (const auto& file : without) names.push_back(std::filesystem::relative(file, root()).string());
    write_file(out / "run.json", run_document(ids, results, names).dump(1) + '\n');
    return in_folder("results/report", out);
  };
  const Failed failed = run_scripts(in_folder("results/figures", out / "figures"), options.jobs, disk, report);
  if (!failed.empty() && status == kDone) status = kSomeFailed;
  return status;
}

}  // namespace runner
