#include "experiments/runner/plan.h"

#include <algorithm>

#include "experiments/runner/check.h"
#include "experiments/runner/overrides.h"
#include "experiments/runner/settings.h"

namespace runner {

namespace {

// One point: the file's document, then the case, then the varied keys, then the command line.
Point make_point(const OverlaidJson& base, const Case* chosen, const std::vector<const Override*>& values,
                 const std::vector<Override>& assignments) {
  OverlaidJson point_json = base;
  Point point;
  if (chosen != nullptr) {
    point.case_name = point.name = chosen->name;
    for (const Override& override : chosen->set) point_json.set(override);
  }
  for (const Override* value : values) {
    point_json.set(*value);
    point.values.emplace_back(value->key, value->value);
    point.name += (point.name.empty() ? "" : "/") + value->key + '=' + plain_text(value->value);
  }
  const std::vector<std::string> keys = setup_keys();
  for (const Override& assignment : assignments) {
    if (std::ranges::find(keys, assignment.key.substr(0, assignment.key.find('.'))) != keys.end()) {
      point_json.set(assignment);
    }
  }
  if (point.name.empty()) point.name = "all";
  point_json.locating_errors([&] {
    read_settings(point.setup, point_json.document(), point_json.place());
    check_setup(point.setup, point_json.place());
  });
  return point;
}

// Every combination of the axes' values, the last axis fastest.
std::vector<std::vector<const Override*>> combinations(const std::vector<Axis>& axes) {
  std::vector<std::vector<const Override*>> all{{}};
  for (const Axis& axis : axes) {
    std::vector<std::vector<const Override*>> longer;
    for (const auto& combination : all) {
      for (const Override& value : axis.values) {
        longer.push_back(combination);
        longer.back().push_back(&value);
      }
    }
    all = std::move(longer);
  }
  return all;
}

}  // namespace

std::string plain_text(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

Plan load_plan(const std::filesystem::path& file, const Choices& choices) {
  OverlaidJson json{load_json(file), {file.string(), ""}};
  std::vector<Override> assignments;
  for (const std::string& text : choices.set) json.set(assignments.emplace_back(parse_assignment(text)));

  Plan plan{file.string(), {}, {}};
  json.locating_errors([&] { read_settings(plan.experiment, json.document(), json.place()); });
  if (choices.seed) plan.experiment.seed = *choices.seed;
  if (choices.replications) plan.experiment.replications = *choices.replications;

  // What a point is made of: the document without the keys about the experiment as a whole.
  OverlaidJson setup{Json::object(), json.place()};
  for (const std::string& key : setup_keys()) {
    if (json.document().contains(key)) setup.document()[key] = json.document()[key];
  }
  std::vector<const Case*> cases;
  for (const Case& each : plan.experiment.cases) cases.push_back(&each);
  if (cases.empty()) cases.push_back(nullptr);
  for (const Case* each : cases) {
    for (const auto& values : combinations(plan.experiment.vary)) {
      plan.points.push_back(make_point(setup, each, values, assignments));
    }
  }
  json.locating_errors([&] { check_plan(plan, json.place()); });
  return plan;
}

const Point& reference_point(const Plan& plan, const Point& point) {
  const Normalisation& normalise = *plan.experiment.normalise;
  const auto is_reference = [&](const Point& other) {
    if (other.case_name != point.case_name) return false;
    for (std::size_t i = 0; i < point.values.size(); ++i) {
      const Json& wanted = point.values[i].first == normalise.key ? normalise.at : point.values[i].second;
      if (other.values[i].second != wanted) return false;
    }
    return true;
  };
  return *std::ranges::find_if(plan.points, is_reference);  // check_plan() made sure that there is one
}

const Point& point_without_loss(const Plan& plan, const Loss& loss, const Point& point) {
  const auto is_it = [&](const Point& other) {
    const auto same = [](const auto& a, const auto& b) { return a.second == b.second; };
    return other.case_name == loss.from && std::ranges::equal(other.values, point.values, same);
  };
  return *std::ranges::find_if(plan.points, is_it);  // check_plan() made sure that there is the case
}

std::string published_id(const LedgerLine& line, const Point& point) {
  std::string id = line.id;
  const auto fill = [&id](const std::string& name, const std::string& text) {
    const std::string hole = '{' + name + '}';
    for (std::size_t at = id.find(hole); at != std::string::npos; at = id.find(hole)) id.replace(at, hole.size(), text);
  };
  fill("case", point.case_name);
  for (const auto& [key, value] : point.values) fill(key, plain_text(value));
  return id;
}

bool concerns(const LedgerLine& line, const Point& point) {
  return line.case_name.empty() || line.case_name == point.case_name;
}

}  // namespace runner
