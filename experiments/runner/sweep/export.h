// What a sweep leaves for people: tables, CSV, pictures.
#pragma once

#include <filesystem>
#include <optional>

#include "experiments/runner/plan.h"
#include "experiments/runner/sweep/store.h"

namespace runner {

// experiment.json (the file with what the command line set), points.csv (point, key, value), results.csv as `run`
// writes it, and latencies.csv if a picture needs it, into `folder`. The store may hold millions of runs: they pass one
// point at a time.
void export_sweep(const Points& points, const Store& store, const std::filesystem::path& folder);

// The experiment's pictures, from what export_sweep() has written, into folder/figures. False if that failed.
bool draw_pictures(const Points& points, const std::filesystem::path& folder);

// All of it at once, for a table; nothing if the points are more than a table is for.
std::optional<ExperimentResult> sweep_result(const Points& points, const Store& store);

}  // namespace runner
