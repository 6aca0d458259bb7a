#include "experiments/runner/sensitivity.h"

#include <algorithm>
#include <set>

#include "experiments/runner/names.h"
#include "experiments/runner/parameters.h"

namespace runner {

namespace {

bool uncertain(const ParameterEntry& entry) { return entry.origin == "assumed" || entry.certainty == "low"; }

// Those that `name` means.
std::vector<const ParameterEntry*> named(const std::vector<ParameterEntry>& known, const std::string& name,
                                         const Place& place) {
  std::vector<const ParameterEntry*> whole, begun;
  std::vector<std::string> names;
  for (const ParameterEntry& entry : known) {
    if (entry.key == name) whole.push_back(&entry);
    if (entry.key.starts_with(name + '.') && uncertain(entry) && likely_range(entry)) begun.push_back(&entry);
    names.push_back(entry.key);
    for (std::size_t dot = entry.key.find('.'); dot != std::string::npos; dot = entry.key.find('.', dot + 1)) {
      names.push_back(entry.key.substr(0, dot));
    }
  }
  if (whole.empty() && begun.empty()) {
    const bool exists = std::ranges::find(names, name) != names.end();
    throw InputError{place, exists ? Mismatch{"parameters of which one is uncertain", in_quotes(name), ""}
                                   : Mismatch{"a parameter of the model, or the beginning of some", in_quotes(name),
                                              nearest_name(name, names)}};
  }
  if (!whole.empty() && !likely_range(*whole.front())) {
    throw InputError{place, Mismatch{"a parameter with a range", in_quotes(name), ""}};
  }
  return whole.empty() ? begun : whole;
}

}  // namespace

void add_sensitivity_cases(Experiment& experiment, const Place& place) {
  if (experiment.sensitivity.empty()) return;
  if (!experiment.cases.empty()) throw InputError{place, Mismatch{"no \"cases\" beside it", "both", ""}};
  experiment.cases.push_back({"as in the files", {}});
  const auto& known = known_parameters(experiment.setup.machine, experiment.setup.drive);
  std::set<std::string> seen;
  for (std::size_t i = 0; i < experiment.sensitivity.size(); ++i) {
    const Place origin = place.below(i);
    for (const ParameterEntry* entry : named(known, experiment.sensitivity[i], origin)) {
      if (!seen.insert(entry->key).second) continue;
      const auto [low, high] = *likely_range(*entry);
      for (const Json& end : {low, high}) {
        if (end == entry->value) continue;  // the range begins or ends with it
        experiment.cases.push_back({entry->key + ' ' + end.dump(), {{"parameters." + entry->key, end, origin}}});
      }
    }
  }
}

}  // namespace runner
