#include <fmt/format.h>

#include <algorithm>

#include "experiments/runner/cli.h"
#include "experiments/runner/disk_report.h"
#include "experiments/runner/known_names.h"
#include "experiments/runner/ledger.h"
#include "experiments/runner/names.h"
#include "experiments/runner/results.h"
#include "experiments/runner/script.h"
#include "experiments/runner/verbs.h"

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
  fmt::print("{}\n{} published values in {}\n", summary_table(summarise(ledger)), ledger.size(),
             (out / "ledger.csv").string());
  std::fflush(stdout);
  if (status == kInterrupted) return status;
  write_disk_comparison(out / "disk");
  const auto draw = [&](const char* folder, const std::filesystem::path& into) {
    for (const auto& script : files_in(root() / folder, ".py")) {
      if (script.filename().string().starts_with('_')) continue;  // what they share
      std::filesystem::create_directories(into);
      if (run_script(script,
                     {"--results", out.string(), "--published", published_path().string(), "--out", into.string()})) {
        continue;
      }
      fmt::print(stderr, "script failed: {}\n", script.string());
      if (status == kDone) status = kSomeFailed;
    }
  };
  draw("results/figures", out / "figures");
  draw("results/report", out);
  return status;
}

}  // namespace runner
