// What a run leaves behind: a table for people, tidy CSV, and a JSON document that can replay it.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/runner/runner.h"

namespace runner {

// Means, confidence intervals, the relative metrics of `normalise` and the losses of `losses`.
void summarise_metrics(ExperimentResult& result);

// Adds the relative metric to the replications of a point, given the point that it is relative to. Replications are
// divided one by one, as far as both have them: with equal seeds they share their random numbers.
void add_relative_metric(const Normalisation& normalise, PointResult& point, const PointResult& reference);

// The same for a loss, given the point that it is counted from.
void add_loss(const Loss& loss, PointResult& point, const PointResult& reference);

inline constexpr std::string_view kResultsHead = "experiment,point,replication,metric,value,unit\n";
inline constexpr std::string_view kLatenciesHead = "experiment,point,replication,latency_ns\n";

// The rows below these heads for one point, none if it is not finished.
std::string result_rows(const std::string& experiment, const std::string& point, const PointResult& result);
std::string latency_rows(const std::string& experiment, const std::string& point, const PointResult& result);

std::string results_csv(const std::vector<ExperimentResult>& results);

// Every reply that clients waited for. Only the head if there was none.
std::string latencies_csv(const std::vector<ExperimentResult>& results);

// Resolved configuration, seeds, version, machine file hash, fingerprints, values.
Json result_document(const std::vector<ExperimentResult>& results);

// The metrics that the experiment shows, one line per point.
std::string result_table(const ExperimentResult& result);

// results.csv, result.json and, if clients had replies, latencies.csv into `folder`, which is made. Each file appears
// whole or not at all.
void write_results(const std::filesystem::path& folder, const std::vector<ExperimentResult>& results);
void write_file(const std::filesystem::path& file, const std::string& text);

// The points that failed, each with its reason, on stderr.
void report_failures(const std::vector<ExperimentResult>& results);

// In order of weight: 3 a broken invariant, whatever else finished; 130 interrupted; 2 a host that cannot be built; 4
// some points failed.
int exit_status(const std::vector<ExperimentResult>& results);

}  // namespace runner
