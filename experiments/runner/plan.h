// From an experiment file to the points to run, with everything checked that can be checked without running.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "experiments/runner/experiment.h"
#include "model/disk/drive_file.h"
#include "model/machine_file.h"

namespace runner {

// What the command line says about an experiment.
struct Choices {
  std::vector<std::string> set;  // "key=value"; the value is JSON or else a text
  std::optional<std::uint64_t> seed;
  std::optional<std::uint32_t> replications;
};

struct Point {
  std::string name;  // "slice 5 ms/domains.compute.count=8"
  std::string case_name;
  std::vector<std::pair<std::string, Json>> values;  // of the varied keys
  Setup setup;
};

struct Plan {
  std::string file;
  Experiment experiment;
  std::vector<Point> points;  // cases in their order, the last varied key fastest
};

// Throws InputError: missing or unreadable file, broken JSON (line and column), a key twice.
Json load_json(const std::filesystem::path& file);

// Throws InputError for whatever is wrong with the experiment or any of its points.
Plan load_plan(const std::filesystem::path& file, const Choices& choices);

// Value as part of a name or a published id: texts without quotes.
std::string plain_text(const Json& value);

// The point by which `normalise` divides the values of `point`.
const Point& reference_point(const Plan& plan, const Point& point);

// The point from which a loss at `point` is counted.
const Point& point_without_loss(const Plan& plan, const Loss& loss, const Point& point);

// The published id for a ledger line at a point: "fig6.L.{domains.compute.count}" -> "fig6.L.8".
std::string published_id(const LedgerLine& line, const Point& point);
bool concerns(const LedgerLine& line, const Point& point);  // whether the line is about the point's case

// As its file has it; throw InputError.
model::MachineFile load_machine(const std::string& name);
model::DriveFile load_known_drive(const std::string& name);

}  // namespace runner
