// An experiment as plain data: what to build and measure, and which points (cases x varied keys) to do it at.
//
// Every key that an experiment file may have is described once, in settings_table.h; this is what the keys fill in. The
// values given here are the built-in ones: file and --set override them.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
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

struct Axis {
  std::string key;
  std::vector<Override> values;
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
  std::vector<Axis> vary;
  std::optional<Normalisation> normalise;
  std::vector<Loss> losses;
  std::vector<std::string> show;
  std::vector<LedgerLine> ledger;
};

}  // namespace runner
