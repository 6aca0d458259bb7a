// Two runs to set beside each other, as the command line names them.
#pragma once

#include <string>
#include <vector>

#include "experiments/runner/plan.h"

namespace runner {

// A and B: two files, or one with two settings; of a file with several points, which.
struct TwoSides {
  std::string a, b;                       // files; an empty b is a
  std::vector<std::string> set;           // "key=value" for both,
  std::vector<std::string> set_a, set_b;  // for one
  std::string point_a, point_b;           // names; empty: the only one
};

struct OnePoint {
  Point point;
  Experiment experiment;
};

// A, then B. Throws InputError.
std::vector<OnePoint> load_two_points(const TwoSides& sides);

}  // namespace runner
