#include <fmt/format.h>

#include <algorithm>

#include "experiments/runner/calibration.h"
#include "experiments/runner/known_names.h"
#include "experiments/runner/names.h"

namespace runner {

namespace {

void expect_fittable(const std::string& id, const Place& place, const std::vector<PublishedValue>& published) {
  const auto found = std::ranges::find(published, id, &PublishedValue::id);
  if (found == published.end()) {
    std::vector<std::string> ids;
    for (const PublishedValue& value : published) ids.push_back(value.id);
    throw InputError{place, Mismatch{"the id of a published value", in_quotes(id), nearest_name(id, ids)}};
  }
  if (found->role != "calibration") {
    throw InputError{place, Mismatch{"a value with the role \"calibration\"",
                                     fmt::format("{}, which is a {}", in_quotes(id), found->role), ""}};
  }
}

const Json& list_at(const Json& json, const char* key, const Place& place) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_array() || found->empty()) {
    throw InputError{place.below(key), Mismatch{"a list of at least one", "none", ""}};
  }
  return *found;
}

std::vector<std::string> texts(const Json& json, const char* key, const Place& place) {
  std::vector<std::string> result;
  for (const Json& each : list_at(json, key, place)) {
    if (!each.is_string()) throw InputError{place.below(key), Mismatch{"a list of texts", each.dump(), ""}};
    result.push_back(each.get<std::string>());
  }
  return result;
}

void expect_object(const Json& json, const Place& place) {
  if (!json.is_object()) throw InputError{place, Mismatch{"an object", json.dump(), ""}};
}

void expect_keys(const Json& json, const Place& place, const std::vector<std::string>& known) {
  expect_object(json, place);
  for (const auto& [key, value] : json.items()) {
    if (std::ranges::find(known, key) != known.end()) continue;
    throw InputError{place.below(key),
                     Mismatch{"one of the keys " + one_of(known), in_quotes(key), nearest_name(key, known)}};
  }
}

CalibrationStage read_stage(const Json& json, const Place& place, const std::vector<PublishedValue>& published) {
  expect_keys(json, place, {"name", "set", "separate", "parameters"});
  CalibrationStage stage{};
  stage.name = json.value("name", "");
  if (const auto separate = json.find("separate"); separate != json.end()) {
    if (!separate->is_boolean()) {
      throw InputError{place.below("separate"), Mismatch{"true or false", separate->dump(), ""}};
    }
    stage.separate = separate->get<bool>();
  }
  if (const auto set = json.find("set"); set != json.end()) {
    expect_object(*set, place.below("set"));
    for (const auto& [key, value] : set->items()) stage.set.push_back(key + '=' + value.dump());
  }
  const Json& parameters = list_at(json, "parameters", place);
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Place at = place.below("parameters").below(i);
    expect_keys(parameters[i], at, {"keys", "ids", "why"});
    FittedKeys& keys = stage.parameters.emplace_back();
    keys.keys = texts(parameters[i], "keys", at);
    keys.ids = texts(parameters[i], "ids", at);
    for (std::size_t n = 0; n < keys.ids.size(); ++n) expect_fittable(keys.ids[n], at.below("ids").below(n), published);
  }
  return stage;
}

}  // namespace

std::vector<std::string> CalibrationStage::ids() const {
  std::vector<std::string> all;
  for (const FittedKeys& fitted : parameters) {
    for (const std::string& id : fitted.ids) {
      if (std::ranges::find(all, id) == all.end()) all.push_back(id);
    }
  }
  return all;
}

Calibration load_calibration(const std::filesystem::path& file, const std::vector<PublishedValue>& published) {
  const Json json = load_json(file);
  const Place place{file.string(), ""};
  expect_keys(json, place, {"title", "experiment", "stages"});
  if (!json.contains("experiment") || !json["experiment"].is_string()) {
    throw InputError{place.below("experiment"), Mismatch{"the file of an experiment", "none", ""}};
  }
  Calibration calibration{root() / json["experiment"].get<std::string>(), {}};
  const Json& stages = list_at(json, "stages", place);
  for (std::size_t i = 0; i < stages.size(); ++i) {
    calibration.stages.push_back(read_stage(stages[i], place.below("stages").below(i), published));
  }
  return calibration;
}

}  // namespace runner
