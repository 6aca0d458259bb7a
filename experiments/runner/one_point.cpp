#include "experiments/runner/one_point.h"

#include <fmt/format.h>

#include <algorithm>

#include "experiments/runner/names.h"

namespace runner {

namespace {

OnePoint load(const std::string& file, const std::string& name, std::vector<std::string> set,
              const std::vector<std::string>& more) {
  Choices choices;
  choices.set = std::move(set);
  choices.set.insert(choices.set.end(), more.begin(), more.end());
  const Points points{file, choices};
  std::vector<std::string> names;
  constexpr std::size_t kMost = 100'000;
  for (std::size_t i = 0; i < std::min(points.count(), kMost); ++i) {
    names.push_back(points.outline(i).name);
    if (name.empty() ? points.count() == 1 : name == names.back()) return {points.at(i), points.experiment()};
  }
  if (name.empty()) {
    throw InputError{{file, ""},
                     Mismatch{fmt::format("the name of one of its {} points, such as {}: --point-a and "
                                          "--point-b",
                                          points.count(), in_quotes(names.front())),
                              "none", ""}};
  }
  throw InputError{{file, ""}, Mismatch{"the name of a point", in_quotes(name), nearest_name(name, names)}};
}

}  // namespace

std::vector<OnePoint> load_two_points(const TwoSides& sides) {
  return {load(sides.a, sides.point_a, sides.set, sides.set_a),
          load(sides.b.empty() ? sides.a : sides.b, sides.point_b, sides.set, sides.set_b)};
}

}  // namespace runner
