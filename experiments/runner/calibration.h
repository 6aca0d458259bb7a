// Which parameters of the model are fitted, and on which published values.
//
// A calibration is a file of experiments/calibration: an experiment that simulates the values, and stages that are
// fitted one after the other. Only values with the role `calibration` are taken: a prediction that was fitted on is
// none.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "experiments/runner/least_squares.h"
#include "experiments/runner/ledger.h"
#include "experiments/runner/plan.h"
#include "experiments/runner/runner.h"

namespace runner {

// One number to fit: the value of the first key. Further keys keep their proportion to it.
struct FittedKeys {
  std::vector<std::string> keys;
  std::vector<std::string> ids;  // the published values that are to decide it
};

struct CalibrationStage {
  std::string name;
  std::vector<std::string> set;  // "key=value": what its runs need not do
  bool separate = false;         // each of its parameters moves no values but its own
  std::vector<FittedKeys> parameters;

  std::vector<std::string> ids() const;  // of all its parameters, each once
};

struct Calibration {
  std::filesystem::path experiment;
  std::vector<CalibrationStage> stages;
};

// Throws InputError: also for an id that is not a published value, or not one that may be fitted on.
Calibration load_calibration(const std::filesystem::path& file, const std::vector<PublishedValue>& published);

// A value is printed with three significant digits and at most two decimals.
double printed_step(double value);
// Standard deviation of a printed value: its rounding, and that the paper agrees with itself to a per cent.
double printed_deviation(double value);

struct CellFit {
  std::string id;
  double published, before, after;  // in the published unit
};

// A key's new value, and what is known of it.
struct FittedValue {
  std::string key;
  double start, value;
  bool pinned;       // by the data; else it has no interval
  double low, high;  // 95 %
  bool at_bound;
  std::vector<std::string> ids;
};

struct StageFit {
  std::string name;
  std::vector<FittedValue> values;
  std::vector<CellFit> cells;
  std::vector<std::vector<std::pair<std::string, double>>> unidentified;  // combinations: key and weight
  double start_chi2, chi2;
  std::size_t rank, runs;
};

// Runs the stages in their order, each with the results of those before. `set` is laid over the experiment.
std::vector<StageFit> calibrate(const Calibration& calibration, const std::vector<std::string>& set,
                                const RunOptions& options);

}  // namespace runner
