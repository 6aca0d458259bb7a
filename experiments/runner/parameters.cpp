#include "experiments/runner/parameters.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "experiments/runner/known_names.h"
#include "experiments/runner/names.h"
#include "experiments/runner/plan.h"
#include "experiments/runner/quantity.h"
#include "workloads/profiles/profile.h"

namespace runner {

namespace {

// In the unit of the parameter. Texts are quantities of its dimension, or a number and its unit.
double number_of(const Parameter& parameter, const std::string& unit, const Place& place) {
  const std::string expected = "a number that is not negative, in " + unit;
  Json number = parameter.value;
  if (number.is_string()) {
    const auto text = number.get<std::string>();
    if (const auto dimension = find_dimension(unit)) {
      try {
        const auto in_base_units = [&](const std::string& quantity) {
          return static_cast<double>(parse_quantity(quantity, *dimension, unit));
        };
        return in_base_units(text) / in_base_units("1");
      } catch (const Mismatch& mismatch) {
        throw InputError{place, mismatch};
      }
    }
    number = Json::parse(text.ends_with(unit) ? text.substr(0, text.size() - unit.size()) : text, nullptr, false);
  }
  if (!number.is_number() || number.get<double>() < 0) {
    throw InputError{place, Mismatch{expected, parameter.value.dump(), ""}};
  }
  return number.get<double>();
}

const ParameterEntry* find(const std::vector<ParameterEntry>& entries, const std::string& key) {
  const auto found = std::ranges::find(entries, key, &ParameterEntry::key);
  return found == entries.end() ? nullptr : &*found;
}

// A machine or a kernel with what a set-up says about it.
template <class Table>
Table with_parameters(Table table, const Setup& setup, const Place& place) {
  for (const Parameter& parameter : setup.parameters) {
    const ParameterEntry* entry = table.find(parameter.key);
    if (entry == nullptr) continue;  // of another table
    const Place at = place.below("parameters").below(parameter.key);
    const double number = number_of(parameter, entry->unit, at);
    try {
      table.set(parameter.key, number);
    } catch (const model::ParameterError& error) {
      throw InputError{at, error.what()};
    }
  }
  return table;
}

template <class Table>
std::shared_ptr<const Table> shared(const Table& table, const Setup& setup, const Place& place) {
  return std::make_shared<const Table>(with_parameters(table, setup, place));
}

}  // namespace

std::optional<std::pair<Json, Json>> likely_range(const ParameterEntry& entry) {
  const auto& interval = entry.range ? entry.range : entry.confidence;
  if (!interval) return std::nullopt;
  const auto as_json = [](double n) { return n == std::floor(n) ? Json(std::llround(n)) : Json(n); };
  return std::pair{as_json(interval->first), as_json(interval->second)};
}

const std::vector<ParameterEntry>& known_parameters(const std::string& machine, const std::string& drive) {
  static std::map<std::pair<std::string, std::string>, std::vector<ParameterEntry>> known;  // by the files' paths
  const std::pair files{machine_path(machine).string(), drive_path(drive).string()};
  if (const auto found = known.find(files); found != known.end()) return found->second;
  std::vector<ParameterEntry> entries = load_machine(machine).entries();
  const auto add = [&entries](const model::ParameterTable& table) {
    entries.insert(entries.end(), table.entries().begin(), table.entries().end());
  };
  if (drive != "none") add(load_known_drive(drive));
  add(guest::KernelFile::linux24());
  add(guest::WorkstationFile::workstation32());
  add(guest::UmlFile::skas3());
  add(guest::ProcessShapes::standard());
  add(guest::SpecIntProfile::standard());
  add(guest::DbenchProfile::standard());
  add(guest::BuildProfile::standard());
  add(guest::OsdbProfile::standard());
  add(guest::Web99Profile::standard());
  for (const std::string& profile : known_profiles()) {
    for (ParameterEntry& entry : guest::profile_entries(profile)) entries.push_back(std::move(entry));
  }
  return known.emplace(files, std::move(entries)).first->second;
}

ModelFiles::ModelFiles(const Setup& setup, const Place& place)
    : machine{with_parameters(load_machine(setup.machine), setup, place)},
      kernel{with_parameters(guest::KernelFile::linux24(), setup, place)},
      workstation{with_parameters(guest::WorkstationFile::workstation32(), setup, place)},
      uml{with_parameters(guest::UmlFile::skas3(), setup, place)},
      shapes{shared(guest::ProcessShapes::standard(), setup, place)},
      spec_int{shared(guest::SpecIntProfile::standard(), setup, place)},
      dbench{shared(guest::DbenchProfile::standard(), setup, place)},
      kernel_build{shared(guest::BuildProfile::standard(), setup, place)},
      osdb{shared(guest::OsdbProfile::standard(), setup, place)},
      web99{shared(guest::Web99Profile::standard(), setup, place)} {
  if (setup.drive != "none") drive = with_parameters(load_known_drive(setup.drive), setup, place);
}

guest::ProfileValues profile_values(const Setup& setup, const std::string& profile, const Place& place) {
  const std::string prefix = profile + '.';
  const bool any = std::ranges::any_of(setup.parameters,
                                       [&](const Parameter& parameter) { return parameter.key.starts_with(prefix); });
  if (!any) return {};
  guest::ProfileValues values;
  const std::vector<ParameterEntry> entries = guest::profile_entries(profile);
  for (const Parameter& parameter : setup.parameters) {
    const ParameterEntry* entry = find(entries, parameter.key);
    if (entry == nullptr) continue;  // of another table
    const Place at = place.below("parameters").below(parameter.key);
    const double number = number_of(parameter, entry->unit, at);
    if (number != std::floor(number) || number > 9e15) {
      throw InputError{at, Mismatch{"a whole number, in " + entry->unit, parameter.value.dump(), ""}};
    }
    values[parameter.key.substr(prefix.size())] = static_cast<std::int64_t>(number);
  }
  return values;
}

void check_parameters(const Setup& setup, const Place& place) {
  if (setup.parameters.empty()) return;
  const std::vector<ParameterEntry>& known = known_parameters(setup.machine, setup.drive);
  for (const Parameter& parameter : setup.parameters) {
    if (find(known, parameter.key) != nullptr) continue;
    std::vector<std::string> keys;
    for (const ParameterEntry& entry : known) keys.push_back(entry.key);
    throw InputError{place.below("parameters").below(parameter.key),
                     Mismatch{fmt::format("a parameter of the model with machine {}", setup.machine),
                              in_quotes(parameter.key), nearest_name(parameter.key, keys)}};
  }
  for (const std::string& profile : known_profiles()) {
    const guest::ProfileValues values = profile_values(setup, profile, place);
    if (values.empty()) continue;
    try {
      guest::load_profile(profile, values);
    } catch (const guest::ProfileError& error) {
      throw InputError{place.below("parameters"), error.what()};
    }
  }
}

}  // namespace runner
