// The ledger: every published value that was simulated, beside the simulated one.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "experiments/runner/experiment.h"

namespace runner {

struct PublishedValue {
  std::string id;
  std::string system;
  std::string unit;
  double value;
  std::string role;  // calibration, prediction, context or oracle
};

struct SimulatedValue {
  std::string id;  // of the published value it stands for
  double mean;
  std::optional<double> ci_low, ci_high;  // 95 %; absent with one replication
  std::string unit;
};

struct LedgerRow {
  PublishedValue published;
  double simulated;  // in the published unit
  std::optional<double> ci_low, ci_high;
  std::optional<double> error_percent;  // of the published value; absent if that is 0
};

struct LedgerSummary {
  std::string figure;  // what stands before the first dot of an id
  std::string system;
  std::string role;
  std::size_t values;
  double median_error_percent;  // of the absolute errors, as is the next
  double p90_error_percent;
};

std::filesystem::path published_path();
std::vector<PublishedValue> load_published(const std::filesystem::path& file);  // throws InputError

// In the order of the published values. Values that have no published counterpart are left out. Throws
// std::invalid_argument when units of a pair have different dimensions.
std::vector<LedgerRow> make_ledger(const std::vector<PublishedValue>& published,
                                   const std::vector<SimulatedValue>& simulated);

// Per figure and system, first for the predictions, then for the calibration values.
std::vector<LedgerSummary> summarise(const std::vector<LedgerRow>& ledger);

std::string ledger_csv(const std::vector<LedgerRow>& ledger);
std::string summary_table(const std::vector<LedgerSummary>& summary);

}  // namespace runner
