#include "experiments/runner/ledger.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <stdexcept>
#include <tuple>

#include "experiments/runner/csv.h"
#include "experiments/runner/known_names.h"
#include "experiments/runner/plan.h"
#include "experiments/runner/quantity.h"

namespace runner {

namespace {

const Unit* find_unit(Dimension dimension, const std::string& name) {
  const auto units = units_of(dimension);
  const auto unit = std::ranges::find(units, name, &Unit::name);
  return unit == units.end() ? nullptr : &*unit;
}

// Published units name what is counted, or that a rate is a benchmark's score.
std::string plain(const std::string& unit) {
  if (unit == "score (MB/s)") return "MB/s";
  return unit == "clients" || unit == "conforming clients" ? "1" : unit;
}

// What a value in unit `from` is multiplied by to be one in unit `to`.
double conversion(const std::string& metric, const std::string& published) {
  const std::string from = plain(metric), to = plain(published);
  if (from == to) return 1;
  for (const auto dimension : {Dimension::time, Dimension::size, Dimension::rate, Dimension::frequency}) {
    const Unit* a = find_unit(dimension, from);
    const Unit* b = find_unit(dimension, to);
    if (a != nullptr && b != nullptr) return static_cast<double>(a->base_units) / static_cast<double>(b->base_units);
  }
  throw std::invalid_argument{"a value in \"" + from + "\" is no value in \"" + to + "\""};
}

// Linear between the order statistics; `sorted` is not empty.
double quantile(const std::vector<double>& sorted, double p) {
  const double at = p * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(std::floor(at));
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (at - std::floor(at)) * (sorted[above] - sorted[below]);
}

std::string number(const std::optional<double>& value) { return value ? fmt::format("{:.6g}", *value) : ""; }

}  // namespace

std::filesystem::path published_path() { return root() / "results/published/published.json"; }

std::vector<PublishedValue> load_published(const std::filesystem::path& file) {
  const Json json = load_json(file);
  std::vector<PublishedValue> published;
  std::size_t i = 0;
  try {
    for (; i < json.size(); ++i) {
      const Json& entry = json.at(i);
      if (!entry.at("value").is_number()) continue;  // per-instance scores: shown in figures only
      published.push_back({entry.at("id").get<std::string>(), entry.at("system").get<std::string>(),
                           entry.at("unit").get<std::string>(), entry.at("value").get<double>(),
                           entry.at("role").get<std::string>()});
    }
  } catch (const Json::exception&) {
    throw InputError{Place{file.string(), ""}.below(i),
                     Mismatch{"an object with id, system, unit, value and role", "something else", ""}};
  }
  return published;
}

std::vector<LedgerRow> make_ledger(const std::vector<PublishedValue>& published,
                                   const std::vector<SimulatedValue>& simulated) {
  std::vector<LedgerRow> ledger;
  for (const PublishedValue& value : published) {
    const auto found = std::ranges::find(simulated, value.id, &SimulatedValue::id);
    if (found == simulated.end()) continue;
    const double factor = conversion(found->unit, value.unit);
    const auto scaled = [factor](std::optional<double> x) { return x ? std::optional{*x * factor} : std::nullopt; };
    LedgerRow row{value, found->mean * factor, scaled(found->ci_low), scaled(found->ci_high), std::nullopt};
    if (value.value != 0) row.error_percent = 100 * (row.simulated - value.value) / std::abs(value.value);
    ledger.push_back(std::move(row));
  }
  return ledger;
}

std::vector<LedgerSummary> summarise(const std::vector<LedgerRow>& ledger) {
  std::map<std::tuple<std::string, std::string, std::string>, std::vector<double>> errors;  // role, figure, system
  for (const LedgerRow& row : ledger) {
    const std::string& role = row.published.role;
    if (!row.error_percent || (role != "prediction" && role != "calibration")) continue;
    const std::string figure = row.published.id.substr(0, row.published.id.find('.'));
    errors[{role, figure, row.published.system}].push_back(std::abs(*row.error_percent));
  }
  std::vector<LedgerSummary> summary;
  for (const std::string wanted : {"prediction", "calibration"}) {
    for (auto& [key, group] : errors) {
      const auto& [role, figure, system] = key;
      if (role != wanted) continue;
      std::ranges::sort(group);
      summary.push_back({figure, system, role, group.size(), quantile(group, 0.5), quantile(group, 0.9)});
    }
  }
  return summary;
}

std::string ledger_csv(const std::vector<LedgerRow>& ledger) {
  std::string csv = "id,system,unit,published,simulated,ci_low,ci_high,error_percent,role\n";
  for (const LedgerRow& row : ledger) {
    csv += fmt::format("{},{},{},{},{},{},{},{},{}\n", csv_field(row.published.id), csv_field(row.published.system),
                       csv_field(row.published.unit), number(row.published.value), number(row.simulated),
                       number(row.ci_low), number(row.ci_high), number(row.error_percent), row.published.role);
  }
  return csv;
}

std::string summary_table(const std::vector<LedgerSummary>& summary) {
  std::string table = fmt::format("{:<12} {:<8} {:<18} {:>6} {:>14} {:>14}\n", "role", "figure", "system", "values",
                                  "median error", "90th perc.");
  for (const LedgerSummary& line : summary) {
    table += fmt::format("{:<12} {:<8} {:<18} {:>6} {:>12.2f} % {:>12.2f} %\n", line.role, line.figure, line.system,
                         line.values, line.median_error_percent, line.p90_error_percent);
  }
  return table;
}

}  // namespace runner
