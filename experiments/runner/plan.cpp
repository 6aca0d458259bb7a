#include "experiments/runner/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "experiments/runner/check.h"
#include "experiments/runner/overrides.h"
#include "experiments/runner/sensitivity.h"
#include "experiments/runner/settings.h"

namespace runner {

namespace {

constexpr std::size_t kMostPoints = 100'000'000;

}  // namespace

std::string plain_text(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

Points::Points(const std::filesystem::path& file, const Choices& choices)
    : Points(load_json(file), file.string(), choices) {}

Points::Points(Json document, const std::string& name, const Choices& choices)
    : json_{std::move(document), {name, ""}}, setup_{Json::object(), json_.place()} {
  const std::vector<std::string> keys = setup_keys();
  for (const std::string& text : choices.set) {
    const Override assignment = parse_assignment(text);
    json_.set(assignment);
    const std::string first = assignment.key.substr(0, assignment.key.find('.'));
    if (std::ranges::find(keys, first) != keys.end()) assignments_.push_back(assignment);
  }
  json_.locating_errors([&] {
    read_settings(experiment_, json_.document(), json_.place());
    add_sensitivity_cases(experiment_, json_.place().below("sensitivity"));
    expand_axes(experiment_);
    if (experiment_.sample) sample_.emplace(experiment_);
    if (choices.seed) experiment_.seed = *choices.seed;
    if (choices.replications) experiment_.replications = *choices.replications;
    check_experiment(experiment_, json_.place());
  });
  for (const std::string& key : keys) {
    if (json_.document().contains(key)) setup_.document()[key] = json_.document()[key];
  }
  count_ = std::max<std::size_t>(experiment_.cases.size(), 1) * (sample_ ? sample_->count() : 1);
  for (const Axis& axis : experiment_.vary) {
    if (axis.values.size() > kMostPoints / count_) {
      throw InputError{json_.place().below("vary"), fmt::format("more than {} points", kMostPoints)};
    }
    count_ *= axis.values.size();
  }
}

Points::Indices Points::indices(std::size_t i) const {
  Indices indices{0, 0, std::vector<std::size_t>(experiment_.vary.size())};
  const auto take = [&i](std::size_t of) {
    const std::size_t index = i % of;
    i /= of;
    return index;
  };
  if (sample_) indices.sample = take(sample_->count());
  for (std::size_t axis = indices.values.size(); axis-- > 0;) {
    indices.values[axis] = take(experiment_.vary[axis].values.size());
  }
  indices.case_index = i;
  return indices;
}

std::size_t Points::number(const Indices& indices) const {
  std::size_t i = indices.case_index;
  for (std::size_t axis = 0; axis < indices.values.size(); ++axis) {
    i = i * experiment_.vary[axis].values.size() + indices.values[axis];
  }
  return sample_ ? i * sample_->count() + indices.sample : i;
}

std::vector<Override> Points::varied(const Indices& indices) const {
  std::vector<Override> values;
  for (std::size_t axis = 0; axis < indices.values.size(); ++axis) {
    values.push_back(experiment_.vary[axis].values[indices.values[axis]]);
  }
  if (sample_) std::ranges::move(sample_->at(indices.sample), std::back_inserter(values));
  return values;
}

Point Points::outline(std::size_t i) const {
  const Indices indices = this->indices(i);
  Point point;
  if (!experiment_.cases.empty()) point.case_name = point.name = experiment_.cases[indices.case_index].name;
  const auto add_name = [&point](const std::string& name) { point.name += (point.name.empty() ? "" : "/") + name; };
  for (Override& value : varied(indices)) {
    if (point.values.size() < indices.values.size()) add_name(value.key + '=' + plain_text(value.value));
    point.values.emplace_back(std::move(value.key), std::move(value.value));
  }
  if (sample_) add_name(fmt::format("sample {}", indices.sample + 1));
  if (point.name.empty()) point.name = "all";
  return point;
}

// The file's document, then the case, then the varied keys, then the random ones, then the command line.
Point Points::at(std::size_t i) const {
  const Indices indices = this->indices(i);
  OverlaidJson point_json = setup_;
  if (!experiment_.cases.empty()) {
    for (const Override& override : experiment_.cases[indices.case_index].set) point_json.set(override);
  }
  for (const Override& value : varied(indices)) point_json.set(value);
  for (const Override& assignment : assignments_) point_json.set(assignment);
  Point point = outline(i);
  point_json.locating_errors([&] {
    read_settings(point.setup, point_json.document(), point_json.place());
    check_setup(point.setup, point_json.place());
  });
  return point;
}

std::size_t Points::reference(std::size_t i) const {
  const Normalisation& normalise = *experiment_.normalise;
  Indices indices = this->indices(i);
  for (std::size_t axis = 0; axis < indices.values.size(); ++axis) {
    const auto& values = experiment_.vary[axis].values;
    if (experiment_.vary[axis].key != normalise.key) continue;
    indices.values[axis] =
        static_cast<std::size_t>(std::ranges::find(values, normalise.at, &Override::value) - values.begin());
  }
  return number(indices);
}

std::size_t Points::without_loss(const Loss& loss, std::size_t i) const {
  Indices indices = this->indices(i);
  if (!loss.is_of(experiment_.cases[indices.case_index].name)) return i;
  const auto from = std::ranges::find(experiment_.cases, loss.from, &Case::name);  // check_plan() found it
  indices.case_index = static_cast<std::size_t>(from - experiment_.cases.begin());
  return number(indices);
}

std::vector<std::size_t> Points::few_of_each(std::size_t limit) const {
  std::size_t most = std::max<std::size_t>(experiment_.cases.size(), sample_ ? sample_->count() : 1);
  for (const Axis& axis : experiment_.vary) most = std::max(most, axis.values.size());
  std::vector<std::size_t> points;
  for (std::size_t n = 0; n < std::min(most, limit); ++n) {
    const std::size_t i = most <= limit ? n : n * (most - 1) / (limit - 1);
    Indices indices{0, sample_ ? i % sample_->count() : 0, {}};
    if (!experiment_.cases.empty()) indices.case_index = i % experiment_.cases.size();
    for (const Axis& axis : experiment_.vary) indices.values.push_back(i % axis.values.size());
    points.push_back(number(indices));
  }
  std::ranges::sort(points);
  points.erase(std::unique(points.begin(), points.end()), points.end());
  return points;
}

Plan load_plan(const std::filesystem::path& file, const Choices& choices) {
  const Points points{file, choices};
  Plan plan{file.string(), points.experiment(), {}};
  for (std::size_t i = 0; i < points.count(); ++i) plan.points.push_back(points.at(i));
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
  return *std::ranges::find_if(plan.points, is_reference);  // check_experiment() made sure that there is one
}

const Point& point_without_loss(const Plan& plan, const Loss& loss, const Point& point) {
  if (!loss.is_of(point.case_name)) return point;
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
