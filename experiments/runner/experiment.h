// An experiment as plain data: what to build and measure, and which points (cases x varied keys) to do it at.
//
// Every key that an experiment file may have is described once, in settings_table.h; this is what the keys fill in. The
// values given here are the built-in ones: file and --set override them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/runner/input_error.h"
#include "sim/time.h"
#include "workloads/spec.h"

namespace runner {

using Json = nlohmann::ordered_json;

// A domain, or `count` alike ones called name1, name2, ... On a native host its programs are processes.
struct DomainSettings : guest::GuestSpec {
  std::optional<std::uint32_t> count;
};

// A number of the model, given instead of the one in the machine's or the profile's file.
struct Parameter {
  std::string key;  // "memory.line_refill", "cint2000.steady_insertions"
  Json value;       // in the entry's unit, or a quantity
};

// When a run ends.
enum class Until : std::uint8_t {
  duration,  // has passed
  finished,  // are all programs; `duration` is the longest that they may take
};

// Where the measured time begins: not at a given time but where MSER-5 cuts the series of a metric.
struct Steady {
  std::string metric;
  sim::Duration interval = sim::Duration::milliseconds(100);  // of the series
};

// Instead of one run: the value of a number in the set-up at which a metric falls to a limit.
struct SearchSettings {
  std::string key;     // dotted; its own value is where the search begins
  std::string metric;  // falls as the key's value grows
  std::int64_t at_least = 0;
  std::uint32_t tolerance = 5;  // of the value, in thousandths
  std::uint32_t most_runs = 10;
  std::string name;  // of the metric that the value found is reported as
};

// What one point builds and measures.
struct Setup {
  std::string machine = "dell2650";
  std::string drive = "none";
  std::vector<Parameter> parameters;
  guest::HostSpec host;  // its guests come from `domains`, its machine from `machine`
  std::vector<DomainSettings> domains;
  sim::Duration warmup = sim::Duration::seconds(1);
  sim::Duration duration = sim::Duration::seconds(10);
  Until until = Until::duration;
  std::optional<Steady> steady;
  std::optional<SearchSettings> search;
};

// A new value for one key. Dotted: "scheduler.variant", "domains.web.memory", "domains.0.memory".
struct Override {
  std::string key;
  Json value;
  Place origin;  // to which an error in the value is reported
};

struct Case {
  std::string name;
  std::vector<Override> set;
};

// Values for a key that are not listed but made: see axes.h.
struct AxisRange {
  enum class Scale : std::uint8_t { linear, log };

  Json from, to;  // numbers, or quantities of one dimension; absent: the range of a parameter's entry
  std::optional<std::uint32_t> count;
  Json step;  // instead of count
  Scale scale = Scale::linear;
  std::optional<bool> whole;
};

struct Axis {
  std::string key;
  std::vector<Override> values;
  std::optional<AxisRange> range;  // instead of values, until expand_axes()
  Place origin;
};

// Points at random: `count` values for every key, such that each has one in every count-th part of its range.
struct Sample {
  std::uint32_t count = 0;
  std::uint64_t seed = 1;
  std::vector<Axis> keys;
};

// Adds the metric "relative_<metric>": its ratio to the point of the same case, and the same values of the other varied
// keys, at which `key` is `at`.
struct Normalisation {
  std::string metric;
  std::string key;
  Json at;
};

// Adds the metric "loss_<metric>", in per cent: how much less it is than at the point of case `from` with the same
// values of the varied keys.
struct Loss {
  std::string metric;
  std::string from;
  std::vector<std::string> cases;  // that have it; empty: all but `from`
  bool is_of(std::string_view case_name) const {
    return case_name != from && (cases.empty() || std::ranges::find(cases, case_name) != cases.end());
  }
};

// How well a metric's mean is to be known before a sweep makes no more replications of a point.
struct Precision {
  std::string metric;
  std::int64_t half_width = 20'000;  // of the 95 % confidence interval, relative to the mean, in ppm
  std::uint32_t most = 30;           // replications
};

// What a sweep draws: a column of its points against another.
inline constexpr std::string_view kCase = "case", kLatency = "latency";  // columns that are neither key nor metric
struct Picture {
  enum class Kind : std::uint8_t { line, heat, distribution };

  std::string name;  // of the file
  Kind kind = Kind::line;
  std::string title;
  std::string x, y, colour, panels;  // "case", a varied key, or a metric
  AxisRange::Scale x_scale = AxisRange::Scale::linear, y_scale = AxisRange::Scale::linear;
};

// Puts a metric of a case's points, or of all cases' when none is named, beside published values. "{key}" in `id`
// stands for the point's value of that key, "{case}" for the name of its case.
struct LedgerLine {
  std::string case_name;
  std::string metric;
  std::string id;
};

struct Experiment {
  std::string id;
  std::string title;
  std::string question;
  std::string expectation;
  Setup setup;
  std::uint32_t replications = 1;
  std::uint64_t seed = 1;
  std::vector<Case> cases;
  std::vector<std::string> sensitivity;  // see sensitivity.h; makes cases
  std::vector<Axis> vary;
  std::optional<Sample> sample;
  std::optional<Precision> precision;
  std::vector<Picture> pictures;
  std::optional<Normalisation> normalise;
  std::vector<Loss> losses;
  std::vector<std::string> show;
  std::vector<LedgerLine> ledger;
};

}  // namespace runner
