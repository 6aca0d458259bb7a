#include "experiments/runner/results.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>

#include "experiments/runner/cli.h"
#include "experiments/runner/csv.h"
#include "experiments/runner/known_names.h"
#include "experiments/runner/names.h"
#include "experiments/runner/settings.h"
#include "experiments/runner/version.h"
#include "sim/statistics.h"
#include "workloads/kernel/path.h"

namespace runner {

namespace {

const Measurement* find(const Replication& replication, const std::string& metric) {
  const auto found = std::ranges::find(replication.measurements, metric, &Measurement::metric);
  return found == replication.measurements.end() ? nullptr : &*found;
}

MetricResult summarise(const std::string& metric, const std::string& unit, const std::vector<double>& values) {
  sim::RunningStatistics statistics;
  for (const double value : values) statistics.add(value);
  MetricResult result{metric, unit, values, statistics.mean(), std::nullopt, std::nullopt};
  if (values.size() > 1) {
    const sim::ConfidenceInterval interval = sim::confidence_interval(statistics, 0.95);
    result.ci_low = interval.low();
    result.ci_high = interval.high();
  }
  return result;
}

std::string hash_text(const model::ParameterTable& table) { return fmt::format("{:016x}", table.hash()); }

Json point_document(const Point& point, const PointResult& result) {
  Json document{{"point", point.name}};
  if (!point.case_name.empty()) document["case"] = point.case_name;
  for (const auto& [key, value] : point.values) document["values"][key] = value;
  document["configuration"] = write_settings(point.setup);
  document["machine_hash"] = hash_text(load_machine(point.setup.machine));
  document["kernel_hash"] = hash_text(guest::KernelFile::linux24());
  document["finished"] = result.finished;
  if (result.failure) document["failure"] = result.failure->message;
  document["replications"] = Json::array();
  for (const Replication& replication : result.replications) {
    document["replications"].push_back({{"seed", replication.seed},
                                        {"fingerprint", fmt::format("{:016x}", replication.fingerprint)},
                                        {"events", replication.events}});
  }
  document["metrics"] = Json::array();
  for (const MetricResult& metric : result.metrics) {
    Json entry{{"metric", metric.metric}, {"unit", metric.unit}, {"mean", metric.mean}};
    if (metric.ci_low) entry["ci_low"] = *metric.ci_low;
    if (metric.ci_high) entry["ci_high"] = *metric.ci_high;
    entry["values"] = metric.values;
    document["metrics"].push_back(std::move(entry));
  }
  return document;
}

std::string shown_value(const MetricResult& metric) {
  std::string text = fmt::format("{:.5g}", metric.mean);
  if (metric.ci_high) text += fmt::format(" +- {:.2g}", *metric.ci_high - metric.mean);
  return text;
}

std::vector<std::string> shown_metrics(const ExperimentResult& result) {
  if (!result.plan.experiment.show.empty()) return result.plan.experiment.show;
  std::vector<std::string> names;
  for (const std::string& name : known_metrics()) {
    const auto has = [&](const PointResult& point) {
      return std::ranges::find(point.metrics, name, &MetricResult::metric) != point.metrics.end();
    };
    if (std::ranges::any_of(result.points, has)) names.push_back(name);
  }
  return names;
}

}  // namespace

void add_relative_metric(const Normalisation& normalise, PointResult& point, const PointResult& reference) {
  if (!point.finished || !reference.finished) return;
  for (std::size_t r = 0; r < std::min(point.replications.size(), reference.replications.size()); ++r) {
    const Measurement* value = find(point.replications[r], normalise.metric);
    const Measurement* base = find(reference.replications[r], normalise.metric);
    if (value == nullptr || base == nullptr || base->value == 0) continue;
    point.replications[r].measurements.push_back(
        {relative_name(normalise.metric), value->value / base->value, "ratio"});
  }
}

void add_loss(const Loss& loss, PointResult& point, const PointResult& reference) {
  if (!point.finished || !reference.finished) return;
  for (std::size_t r = 0; r < std::min(point.replications.size(), reference.replications.size()); ++r) {
    const Measurement* value = find(point.replications[r], loss.metric);
    const Measurement* base = find(reference.replications[r], loss.metric);
    if (value == nullptr || base == nullptr || base->value == 0) continue;
    point.replications[r].measurements.push_back({loss_name(loss.metric), 100 * (1 - value->value / base->value), "%"});
  }
}

void summarise_metrics(ExperimentResult& result) {
  const Plan& plan = result.plan;
  if (plan.experiment.normalise) {
    for (std::size_t i = 0; i < result.points.size(); ++i) {
      const auto reference = static_cast<std::size_t>(&reference_point(plan, plan.points[i]) - plan.points.data());
      add_relative_metric(*plan.experiment.normalise, result.points[i], result.points[reference]);
    }
  }
  for (const Loss& loss : plan.experiment.losses) {
    for (std::size_t i = 0; i < result.points.size(); ++i) {
      const Point& reference = point_without_loss(plan, loss, plan.points[i]);
      if (&reference == &plan.points[i]) continue;
      add_loss(loss, result.points[i], result.points[static_cast<std::size_t>(&reference - plan.points.data())]);
    }
  }
  for (PointResult& point : result.points) {
    if (!point.finished || point.replications.empty()) continue;
    for (const Measurement& m : point.replications.front().measurements) {
      std::vector<double> values;
      for (const Replication& replication : point.replications) {
        if (const Measurement* value = find(replication, m.metric)) values.push_back(value->value);
      }
      point.metrics.push_back(summarise(m.metric, m.unit, values));
    }
  }
}

std::string result_rows(const std::string& experiment, const std::string& point, const PointResult& result) {
  std::string rows;
  if (!result.finished) return rows;
  const std::string head = csv_field(experiment) + ',' + csv_field(point);
  for (std::size_t r = 0; r < result.replications.size(); ++r) {
    for (const Measurement& m : result.replications[r].measurements) {
      rows += fmt::format("{},{},{},{},{}\n", head, r, csv_field(m.metric), m.value, csv_field(m.unit));
    }
  }
  return rows;
}

std::string latency_rows(const std::string& experiment, const std::string& point, const PointResult& result) {
  std::string rows;
  if (!result.finished) return rows;
  const std::string head = csv_field(experiment) + ',' + csv_field(point);
  for (std::size_t r = 0; r < result.replications.size(); ++r) {
    for (const std::int64_t latency : result.replications[r].latencies_ns) {
      rows += fmt::format("{},{},{}\n", head, r, latency);
    }
  }
  return rows;
}

namespace {

template <class Rows>
std::string csv(std::string_view head, const std::vector<ExperimentResult>& results, Rows rows) {
  std::string csv{head};
  for (const ExperimentResult& result : results) {
    for (std::size_t i = 0; i < result.points.size(); ++i) {
      csv += rows(result.plan.experiment.id, result.plan.points[i].name, result.points[i]);
    }
  }
  return csv;
}

}  // namespace

std::string results_csv(const std::vector<ExperimentResult>& results) {
  return csv(kResultsHead, results, result_rows);
}

std::string latencies_csv(const std::vector<ExperimentResult>& results) {
  return csv(kLatenciesHead, results, latency_rows);
}

Json result_document(const std::vector<ExperimentResult>& results) {
  Json experiments = Json::array();
  for (const ExperimentResult& result : results) {
    const Experiment& experiment = result.plan.experiment;
    Json document{{"experiment", experiment.id}, {"title", experiment.title},
                  {"file", result.plan.file},    {"replications", experiment.replications},
                  {"seed", experiment.seed},     {"points", Json::array()}};
    for (std::size_t i = 0; i < result.points.size(); ++i) {
      document["points"].push_back(point_document(result.plan.points[i], result.points[i]));
    }
    experiments.push_back(std::move(document));
  }
  return {{"version", kVersion}, {"revision", kRevision}, {"dirty", kDirty}, {"experiments", experiments}};
}

std::string result_table(const ExperimentResult& result) {
  const std::vector<std::string> metrics = shown_metrics(result);
  std::vector<std::vector<std::string>> rows{{"point"}};
  for (const std::string& name : metrics) {
    std::string unit;
    for (const PointResult& point : result.points) {
      const auto found = std::ranges::find(point.metrics, name, &MetricResult::metric);
      if (found != point.metrics.end()) unit = found->unit;
    }
    rows[0].push_back(unit.empty() || unit == "1" || unit == "ratio" ? name : name + " [" + unit + ']');
  }
  for (std::size_t i = 0; i < result.points.size(); ++i) {
    const PointResult& point = result.points[i];
    auto& row = rows.emplace_back(std::vector{result.plan.points[i].name});
    if (!point.finished) {
      const std::string why = point.failure ? point.failure->message : "";  // its first line; the rest is on stderr
      row.push_back(point.failure ? "failed: " + why.substr(0, why.find('\n')) : "not run");
      continue;
    }
    for (const std::string& name : metrics) {
      const auto found = std::ranges::find(point.metrics, name, &MetricResult::metric);
      row.push_back(found == point.metrics.end() ? "-" : shown_value(*found));
    }
  }
  std::vector<std::size_t> widths(rows[0].size());
  for (const auto& row : rows) {
    const bool failed = row.size() != rows[0].size();
    for (std::size_t i = 0; i < (failed ? 1 : row.size()); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  const Experiment& experiment = result.plan.experiment;
  std::string table = experiment.id + (experiment.title.empty() ? "" : ": " + experiment.title) + '\n';
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) line += fmt::format("{:<{}}  ", row[i], widths[i]);
    line.erase(line.find_last_not_of(' ') + 1);
    table += line + '\n';
  }
  return table;
}

void write_file(const std::filesystem::path& file, const std::string& text) {
  std::filesystem::create_directories(file.parent_path());
  std::filesystem::path partial = file;
  partial += ".part";
  {
    std::ofstream stream{partial, std::ios::binary};
    stream << text;
    if (!stream.flush()) throw std::runtime_error{"cannot write " + file.string()};
  }
  std::filesystem::rename(partial, file);
}

void write_results(const std::filesystem::path& folder, const std::vector<ExperimentResult>& results) {
  write_file(folder / "results.csv", results_csv(results));
  if (const std::string latencies = latencies_csv(results); latencies.size() > kLatenciesHead.size()) {
    write_file(folder / "latencies.csv", latencies);
  }
  write_file(folder / "result.json", result_document(results).dump(1) + '\n');
}

void report_failures(const std::vector<ExperimentResult>& results) {
  for (const ExperimentResult& result : results) {
    for (std::size_t i = 0; i < result.points.size(); ++i) {
      const auto& failure = result.points[i].failure;
      if (!failure) continue;
      const char* kind = failure->kind == Failure::Kind::invariant ? "broken invariant: " : "";
      fmt::print(stderr, "{}: point {}: {}{}\n", result.plan.file, result.plan.points[i].name, kind, failure->message);
    }
  }
}

int exit_status(const std::vector<ExperimentResult>& results) {
  std::size_t inputs = 0, invariants = 0, errors = 0;
  for (const ExperimentResult& result : results) {
    for (const PointResult& point : result.points) {
      if (!point.failure) continue;
      switch (point.failure->kind) {
        case Failure::Kind::input:
          ++inputs;
          break;
        case Failure::Kind::invariant:
          ++invariants;
          break;
        case Failure::Kind::error:
          ++errors;
          break;
      }
    }
  }
  if (invariants > 0) return kBrokenInvariant;
  if (interrupted()) return kInterrupted;
  if (inputs > 0) return kBadInput;
  return errors > 0 ? kSomeFailed : kDone;
}

}  // namespace runner
