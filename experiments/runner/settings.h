// Reading, writing and documenting settings: everything that follows from the description in settings_table.h.
#pragma once

#include <string>
#include <vector>

#include "experiments/runner/experiment.h"

namespace runner {

// Both throw InputError with the JSON path below `place`.
void read_settings(Experiment& experiment, const Json& json, const Place& place);
void read_settings(Setup& setup, const Json& json, const Place& place);

// The keys of a Setup at the top of an experiment file; the rest is about the experiment as a whole.
std::vector<std::string> setup_keys();

// Every setting with its value, defaults included, in a form that read_settings() takes.
Json write_settings(const Setup& setup);

// JSON Schema (draft 2020-12) of experiment files.
Json schema();

struct Documentation {
  std::string path;  // "domains[].memory"
  std::string type;  // "a size (plain numbers are MiB)"
  std::string range;
  std::string standard;  // the default; empty: required, or none
  bool required;
  std::string text;
  std::string source;
};

// In the order of settings_table.h.
std::vector<Documentation> documentation();

// Those whose path is `key`, or ends in it. Throws InputError when there is none.
std::vector<Documentation> explain(const std::string& key);

}  // namespace runner
