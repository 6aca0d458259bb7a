#include "experiments/runner/calibration.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "experiments/runner/known_names.h"
#include "experiments/runner/names.h"
#include "experiments/runner/parameters.h"
#include "experiments/runner/results.h"

namespace runner {

namespace {

constexpr double kSelfConsistency = 0.01;                              // of the paper with itself: docs/accuracy.md
constexpr double kAnything = std::numeric_limits<double>::infinity();  // of a value that is only not negative
constexpr double kWidestStep = 0.2;  // of the scale: over the steps of page and cache placement, within linearity
constexpr int kDigits = 5;           // of a large number: more than that no interval is worth

// The simulated value of an id: of these metrics of one of the points, that which its programs have.
struct Cell {
  PublishedValue published;
  std::size_t point;
  std::vector<std::string> metrics;
};

class StageRunner {
 public:
  StageRunner(const Calibration& calibration, const CalibrationStage& stage, const std::vector<std::string>& set,
              const std::vector<Parameter>& fitted, const RunOptions& options)
      : stage_{stage}, options_{options} {
    Choices choices{set, std::nullopt, 1};
    choices.set.insert(choices.set.end(), stage.set.begin(), stage.set.end());
    plan_ = load_plan(calibration.experiment, choices);
    for (Point& point : plan_.points) add(point.setup, fitted);
    find_cells();
    find_entries();
    if (stage.separate) find_own_cells();
  }

  StageFit run() {
    FitProblem problem;
    for (const Lead& lead : leads_) problem.parameters.push_back(lead.parameter);
    problem.residuals = [this](const std::vector<Vector>& points) { return residuals(points); };
    const Fit fit = fit_least_squares(problem);
    return result(fit);
  }

 private:
  struct Lead {
    FitParameter parameter;
    std::vector<double> proportions;  // of its keys to the first
    std::vector<double> grains;
  };

  static void add(Setup& setup, const std::vector<Parameter>& parameters) {
    for (const Parameter& parameter : parameters) {
      std::erase_if(setup.parameters, [&](const Parameter& other) { return other.key == parameter.key; });
      setup.parameters.push_back(parameter);
    }
  }

  void find_cells() {
    const std::vector<PublishedValue> published = load_published(published_path());
    for (const std::string& id : stage_.ids()) {
      for (std::size_t i = 0; i < plan_.points.size(); ++i) {
        std::vector<std::string> metrics;
        for (const LedgerLine& line : plan_.experiment.ledger) {
          if (!concerns(line, plan_.points[i]) || published_id(line, plan_.points[i]) != id) continue;
          metrics.push_back(line.metric);
        }
        if (metrics.empty()) continue;
        cells_.push_back({*std::ranges::find(published, id, &PublishedValue::id), i, std::move(metrics)});
        if (std::ranges::find(points_, i) == points_.end()) points_.push_back(i);
      }
      if (cells_.empty() || cells_.back().published.id != id) {
        throw InputError{{plan_.file, "/ledger"}, Mismatch{"a line for " + in_quotes(id), "none", ""}};
      }
    }
  }

  void find_entries() {
    const std::vector<ParameterEntry> entries =
        known_parameters(plan_.points.front().setup.machine, plan_.points.front().setup.drive);
    for (const FittedKeys& fitted : stage_.parameters) {
      Lead lead{};
      for (const std::string& key : fitted.keys) {
        const auto entry = std::ranges::find(entries, key, &ParameterEntry::key);
        if (entry == entries.end()) throw InputError{{"calibration", ""}, "no parameter " + in_quotes(key)};
        if (!entry->range && entry->origin != "fitted") {
          throw InputError{{"calibration", ""}, key + " is " + entry->origin + " and has no range to be fitted in"};
        }
        add_key(lead, *entry);
      }
      FitParameter& p = lead.parameter;
      p.scale = p.high < kAnything ? (p.high - p.low) / 2 : p.start;
      p.step = std::max(p.grain, p.scale * kWidestStep);
      leads_.push_back(std::move(lead));
    }
  }

  void find_own_cells() {
    for (std::size_t j = 0; j < leads_.size(); ++j) {
      const std::vector<std::string>& ids = stage_.parameters[j].ids;
      for (std::size_t i = 0; i < cells_.size(); ++i) {
        if (std::ranges::find(ids, cells_[i].published.id) != ids.end()) leads_[j].parameter.moves.push_back(i);
      }
    }
  }

  // The range of an estimated path says where its author believed it to lie, which is no evidence against a
  // measurement.
  static ParameterEntry::Interval bounds_of(const ParameterEntry& entry) {
    const bool counts = entry.unit == "instructions" || entry.unit == "locks";
    if (counts && entry.origin == "assumed") return {0, kAnything};
    return entry.range.value_or(ParameterEntry::Interval{0, kAnything});
  }

  static double grain_of(const ParameterEntry& entry) {
    if (entry.unit == "ns" || entry.unit == "us") return 0.1;
    return entry.value < 1 ? 1 : std::max(1.0, std::pow(10.0, std::floor(std::log10(entry.value)) - (kDigits - 1)));
  }

  static void add_key(Lead& lead, const ParameterEntry& entry) {
    FitParameter& p = lead.parameter;
    const bool first = lead.proportions.empty();
    const double proportion = first ? 1 : entry.value / p.start;
    const double grain = grain_of(entry);
    const auto [low, high] = bounds_of(entry);
    lead.proportions.push_back(proportion);
    lead.grains.push_back(grain);
    if (first) {
      p = {entry.value, low, high, 0, 0, grain};
    } else if (proportion > 0) {
      p.low = std::max(p.low, low / proportion);
      p.high = std::min(p.high, high / proportion);
      p.grain = std::min(p.grain, grain / proportion);
    }
  }

  std::vector<Parameter> parameters_at(const Vector& point) const {
    std::vector<Parameter> parameters;
    for (std::size_t j = 0; j < leads_.size(); ++j) {
      for (std::size_t k = 0; k < leads_[j].proportions.size(); ++k) {
        parameters.push_back({stage_.parameters[j].keys[k], value_of(leads_[j], k, point[j])});
      }
    }
    return parameters;
  }

  static double value_of(const Lead& lead, std::size_t key, double x) {
    const double grain = lead.grains[key];
    const double whole = std::round(x * lead.proportions[key] / grain);
    return grain >= 1 ? whole * grain
                      : whole / std::round(1 / grain);  // 0.1 is not a binary fraction: 361 / 10 prints as 36.1
  }

  // Per point, the simulated values of the cells in their published units.
  std::vector<Vector> simulate(const std::vector<Vector>& points) {
    Plan plan{plan_.file, plan_.experiment, {}};
    plan.experiment.normalise.reset();
    for (const Vector& point : points) {
      for (const std::size_t i : points_) {
        plan.points.push_back(plan_.points[i]);
        add(plan.points.back().setup, parameters_at(point));
      }
    }
    runs_ += plan.points.size();
    RunOptions options = options_;
    options.title = fmt::format("{}, evaluation {}", stage_.name, ++evaluations_);
    const ExperimentResult result = std::move(run_plans({std::move(plan)}, options).front());
    report_failures({result});
    std::vector<Vector> values;
    for (std::size_t n = 0; n < points.size(); ++n) {
      Vector& of_point = values.emplace_back();
      for (const Cell& cell : cells_) of_point.push_back(value_in(result, n, cell));
    }
    return values;
  }

  double value_in(const ExperimentResult& result, std::size_t n, const Cell& cell) const {
    const auto place = static_cast<std::size_t>(std::ranges::find(points_, cell.point) - points_.begin());
    const auto& metrics = result.points[n * points_.size() + place].metrics;
    const auto metric = std::ranges::find_if(metrics, [&](const MetricResult& each) {
      return std::ranges::find(cell.metrics, each.metric) != cell.metrics.end();
    });
    if (metric == metrics.end()) throw std::runtime_error{"no value for " + cell.published.id};
    const SimulatedValue value{cell.published.id, metric->mean, {}, {}, metric->unit};
    return make_ledger({cell.published}, {value}).front().simulated;
  }

  std::vector<Vector> residuals(const std::vector<Vector>& points) {
    std::vector<Vector> all = simulate(points);
    if (before_.empty()) before_ = all.front();
    for (std::size_t n = 0; n < all.size(); ++n) {
      for (std::size_t i = 0; i < cells_.size(); ++i) {
        const double published = cells_[i].published.value;
        all[n][i] = (all[n][i] - published) / printed_deviation(published);
      }
    }
    return all;
  }

  StageFit result(const Fit& fit) const {
    StageFit stage{stage_.name, {},   {}, {}, sum_of_squares(fit.start_residuals), sum_of_squares(fit.residuals),
                   fit.rank,    runs_};
    for (std::size_t j = 0; j < leads_.size(); ++j) add_values(stage, j, fit.values[j]);
    for (std::size_t i = 0; i < cells_.size(); ++i) {
      const double published = cells_[i].published.value;
      stage.cells.push_back(
          {cells_[i].published.id, published, before_[i], published + fit.residuals[i] * printed_deviation(published)});
    }
    for (const FitDirection& direction : fit.unidentified) {
      constexpr double kNamed = 0.2;  // weights below are left out
      auto& names = stage.unidentified.emplace_back();
      for (std::size_t j = 0; j < leads_.size(); ++j) {
        if (std::abs(direction.weights[j]) >= kNamed) {
          names.emplace_back(stage_.parameters[j].keys.front(), direction.weights[j]);
        }
      }
    }
    return stage;
  }

  void add_values(StageFit& stage, std::size_t j, const Fit::Value& value) const {
    constexpr double k95 = 1.96;
    const FittedKeys& fitted = stage_.parameters[j];
    const FitParameter& p = leads_[j].parameter;
    for (std::size_t k = 0; k < fitted.keys.size(); ++k) {
      const auto at = [&](double x) { return value_of(leads_[j], k, x); };
      const double reach = k95 * value.deviation;
      stage.values.push_back({fitted.keys[k], at(p.start), at(value.value), value.pinned,
                              at(std::max(p.low, value.value - reach)), at(std::min(p.high, value.value + reach)),
                              value.at_bound, fitted.ids});
    }
  }

  const CalibrationStage& stage_;
  const RunOptions& options_;
  Plan plan_;
  std::vector<Cell> cells_;
  std::vector<std::size_t> points_;  // of the plan, that the cells are of
  std::vector<Lead> leads_;
  Vector before_;
  std::size_t runs_ = 0, evaluations_ = 0;
};

}  // namespace

double printed_step(double value) { return value < 10 ? 0.01 : std::pow(10.0, std::floor(std::log10(value)) - 2); }

double printed_deviation(double value) {
  return std::hypot(kSelfConsistency * value, printed_step(value) / std::sqrt(12.0));  // rounding is uniform
}

std::vector<StageFit> calibrate(const Calibration& calibration, const std::vector<std::string>& set,
                                const RunOptions& options) {
  std::vector<StageFit> fits;
  std::vector<Parameter> fitted;
  for (const CalibrationStage& stage : calibration.stages) {
    fits.push_back(StageRunner{calibration, stage, set, fitted, options}.run());
    for (const FittedValue& value : fits.back().values) fitted.push_back({value.key, value.value});
  }
  return fits;
}

}  // namespace runner
