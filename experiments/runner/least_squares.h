// Least squares for models that are expensive, slightly rough and nearly linear, such as a simulation.
//
// Gauss-Newton with Levenberg's damping in scaled parameters. The Jacobian comes from finite differences wide enough to
// see over the roughness, all columns at once, so that a caller can evaluate them in parallel; between two of them
// Broyden's update keeps it, or Schubert's where it is known which residuals a parameter moves at all: parameters that
// move none in common are then varied in one evaluation [Curtis, Powell and Reid 1974]. A direction in which the data
// say less than what is known beforehand (the scale) is left alone and named.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

namespace runner {

struct FitParameter {
  double start;
  double low, high;                     // bounds
  double scale;                         // how far from the start it may reasonably lie
  double step;                          // of the finite difference
  double grain = 0;                     // evaluated, and returned, as a multiple of this; 0: as it is
  std::vector<std::size_t> moves = {};  // the residuals that it can move; none: any
};

using Vector = std::vector<double>;

struct FitProblem {
  std::vector<FitParameter> parameters;
  // Residuals at each of the points, in units of their standard deviation. Their number is the same at every point.
  std::function<std::vector<Vector>(const std::vector<Vector>& points)> residuals;
};

// A combination of parameters, in their scales, that changes the residuals by `response` standard deviations.
struct FitDirection {
  Vector weights;  // of length 1
  double response;
};

struct Fit {
  struct Value {
    double value;
    double deviation;  // standard deviation, from the directions that the data pin down
    bool pinned;       // at least half of it lies in those directions
    bool at_bound;
  };
  std::vector<Value> values;
  Vector start_residuals, residuals;
  std::vector<FitDirection> unidentified;  // the weakest last
  std::size_t rank = 0;                    // directions that the data pin down
  std::size_t evaluations = 0;
};

// Throws std::invalid_argument when there are fewer residuals than parameters. With as many as parameters, nothing is
// left over to judge the model by, and deviations are those of the residuals alone.
Fit fit_least_squares(const FitProblem& problem);

double sum_of_squares(const Vector& residuals);

}  // namespace runner
