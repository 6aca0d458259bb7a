// From an experiment file to the points to run, with everything checked that can be checked without running.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "experiments/runner/axes.h"
#include "experiments/runner/experiment.h"
#include "experiments/runner/overrides.h"
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
  std::vector<Point> points;  // cases in their order, the last varied key fastest, random points fastest of all
};

// Throws InputError: missing or unreadable file, broken JSON (line and column), a key twice.
Json load_json(const std::filesystem::path& file);

// The points of an experiment, made one at a time: a sweep may have millions.
class Points {
 public:
  // Throws InputError for whatever is wrong with the experiment; what is wrong with a point is found by at().
  Points(const std::filesystem::path& file, const Choices& choices);
  Points(Json document, const std::string& name, const Choices& choices);

  const std::string& file() const { return json_.place().file; }
  const Json& document() const { return json_.document(); }  // the file's, with what the command line sets
  const Experiment& experiment() const { return experiment_; }

  std::size_t count() const { return count_; }
  Point at(std::size_t i) const;       // checked: throws InputError
  Point outline(std::size_t i) const;  // the same without its set-up: whatever the values are
  // The point by whose metric `normalise` divides that of the i-th.
  std::size_t reference(std::size_t i) const;
  // The point from which a loss at the i-th is counted; the i-th itself: it has none.
  std::size_t without_loss(const Loss& loss, std::size_t i) const;
  // Points that have each case, each value of each key and each random value among them; at most `limit`, over which
  // long lists are thinned out.
  std::vector<std::size_t> few_of_each(std::size_t limit) const;

 private:
  // Which case, value of each key and random point the i-th is.
  struct Indices {
    std::size_t case_index, sample;
    std::vector<std::size_t> values;
  };
  Indices indices(std::size_t i) const;
  std::vector<Override> varied(const Indices& indices) const;  // values of the varied keys, then of the random ones
  std::size_t number(const Indices& indices) const;

  OverlaidJson json_;
  std::vector<Override> assignments_;  // of the command line to what a point is made of
  Experiment experiment_;
  std::optional<LatinHypercube> sample_;
  OverlaidJson setup_;  // what a point is made of: the document without the keys about the experiment as a whole
  std::size_t count_;
};

// All points of a file. Throws InputError for whatever is wrong with the experiment or any of its points.
Plan load_plan(const std::filesystem::path& file, const Choices& choices);

// Value as part of a name or a published id: texts without quotes.
std::string plain_text(const Json& value);

// The point by which `normalise` divides the values of `point`.
const Point& reference_point(const Plan& plan, const Point& point);

// The point from which a loss at `point` is counted; `point` itself: it has none.
const Point& point_without_loss(const Plan& plan, const Loss& loss, const Point& point);

// The published id for a ledger line at a point: "fig6.L.{domains.compute.count}" -> "fig6.L.8".
std::string published_id(const LedgerLine& line, const Point& point);
bool concerns(const LedgerLine& line, const Point& point);  // whether the line is about the point's case

// As its file has it, which is read once; throw InputError.
const model::MachineFile& load_machine(const std::string& name);
const model::DriveFile& load_known_drive(const std::string& name);

}  // namespace runner
