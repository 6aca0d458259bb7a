#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "experiments/runner/calibration.h"
#include "experiments/runner/cli.h"
#include "experiments/runner/known_names.h"
#include "experiments/runner/names.h"
#include "experiments/runner/parameter_writer.h"
#include "experiments/runner/results.h"
#include "experiments/runner/verbs.h"

namespace runner {

namespace {

std::string joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) all += (all.empty() ? "" : " ") + text;
  return all;
}

std::string interval_text(const FittedValue& value) {
  if (!value.pinned) return "not pinned down";
  return fmt::format("{:g} to {:g}{}", value.low, value.high, value.at_bound ? ", at its bound" : "");
}

void print_values(const StageFit& stage) {
  fmt::print("\n{:<42} {:>9} {:>9}  {:<28} {}\n", "parameter", "start", "fitted", "95 % interval", "on");
  for (const FittedValue& value : stage.values) {
    fmt::print("{:<42} {:>9g} {:>9g}  {:<28} {}\n", value.key, value.start, value.value, interval_text(value),
               joined(value.ids));
  }
}

void print_cells(const StageFit& stage) {
  fmt::print("\n{:<32} {:>10} {:>10} {:>8} {:>10} {:>8}\n", "published value", "", "start", "error", "fitted", "error");
  for (const CellFit& cell : stage.cells) {
    const auto error = [&](double value) { return 100 * (value - cell.published) / cell.published; };
    fmt::print("{:<32} {:>10g} {:>10.4g} {:>6.1f} % {:>10.4g} {:>6.1f} %\n", cell.id, cell.published, cell.before,
               error(cell.before), cell.after, error(cell.after));
  }
}

void print_unidentified(const StageFit& stage) {
  if (stage.unidentified.empty()) return;
  fmt::print("\ncombinations that the values do not pin down better than the ranges do:\n");
  for (const auto& direction : stage.unidentified) {
    std::string text;
    for (const auto& [key, weight] : direction) text += fmt::format(" {:+.2f} {}", weight, key);
    fmt::print(" {}\n", text);
  }
}

void print_stage(const StageFit& stage) {
  fmt::print("\n{}: {} values, {} directions pinned down, {} runs; chi squared {:.4g} at the start, {:.4g} fitted\n",
             stage.name, stage.cells.size(), stage.rank, stage.runs, stage.start_chi2, stage.chi2);
  print_values(stage);
  print_cells(stage);
  print_unidentified(stage);
}

// What neither moved nor was pinned down stays assumed.
bool learnt(const FittedValue& value) { return value.pinned || value.value != value.start; }

void write_fits(const std::vector<StageFit>& fits, const std::string& machine, const std::string& source) {
  std::map<std::filesystem::path, std::string> texts;
  for (const StageFit& stage : fits) {
    for (const FittedValue& value : stage.values) {
      if (!learnt(value)) continue;
      const std::filesystem::path file = file_of_parameter(value.key, machine);
      const auto text = texts.try_emplace(file, model::read_parameter_text(file.string()).text).first;
      text->second = with_fitted_value(text->second, value, source);
    }
  }
  for (const auto& [file, text] : texts) {
    write_file(file, text);
    fmt::print("\nwritten: {}", file.string());
  }
  fmt::print("\n");
}

void keep_stage(Calibration& calibration, const std::string& name) {
  std::vector<std::string> names;
  for (const CalibrationStage& stage : calibration.stages) names.push_back(stage.name);
  if (std::ranges::find(names, name) == names.end()) {
    throw InputError{{"--stage", ""}, Mismatch{one_of(names), in_quotes(name), nearest_name(name, names)}};
  }
  std::erase_if(calibration.stages, [&](const CalibrationStage& stage) { return stage.name != name; });
}

}  // namespace

int calibrate_verb(const CalibrateArguments& arguments) {
  const std::filesystem::path file =
      arguments.file.empty() ? root() / "experiments/calibration/lmbench.json" : std::filesystem::path{arguments.file};
  Calibration calibration = load_calibration(file, load_published(published_path()));
  if (!arguments.stage.empty()) keep_stage(calibration, arguments.stage);
  const std::vector<StageFit> fits = calibrate(calibration, arguments.set, arguments.options);
  for (const StageFit& stage : fits) print_stage(stage);
  if (arguments.dry_run) return kDone;
  const std::string machine = load_plan(calibration.experiment, {}).points.front().setup.machine;
  write_fits(fits, machine, "ringzero calibrate, " + std::filesystem::relative(file, root()).string());
  return kDone;
}

}  // namespace runner
