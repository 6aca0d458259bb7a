#include "experiments/runner/least_squares.h"

#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <stdexcept>

using namespace runner;

namespace {

// residuals = (rows * x - observed) / 0.01
FitProblem linear(std::vector<FitParameter> parameters, const std::vector<Vector>& rows, const Vector& observed) {
  FitProblem problem{std::move(parameters), {}};
  problem.residuals = [=](const std::vector<Vector>& points) {
    std::vector<Vector> all;
    for (const Vector& x : points) {
      Vector& residuals = all.emplace_back();
      for (std::size_t i = 0; i < rows.size(); ++i) {
        double sum = 0;
        for (std::size_t j = 0; j < x.size(); ++j) sum += rows[i][j] * x[j];
        residuals.push_back((sum - observed[i]) / 0.01);
      }
    }
    return all;
  };
  return problem;
}

FitParameter parameter(double start, double low, double high) { return {start, low, high, (high - low) / 2, 0.1}; }

}  // namespace

TEST_CASE("a linear problem with an exact answer is solved from one Jacobian") {
  // x = (2, 5): 2 + 5, 2 - 5, 3 * 2 + 5, without noise.
  const auto problem = linear({parameter(1, 0, 10), parameter(1, 0, 10)}, {{1, 1}, {1, -1}, {3, 1}}, {7, -3, 11});
  const Fit fit = fit_least_squares(problem);
  CHECK(fit.values[0].value == doctest::Approx(2).epsilon(1e-6));
  CHECK(fit.values[1].value == doctest::Approx(5).epsilon(1e-6));
  CHECK(fit.rank == 2);
  CHECK(fit.unidentified.empty());
  CHECK(sum_of_squares(fit.residuals) < 1e-8);
  CHECK(sum_of_squares(fit.start_residuals) > 1e5);
  CHECK(fit.evaluations < 12);
}

TEST_CASE("the deviations are those of the normal equations, widened by what the model leaves over") {
  // y = x observed four times: residuals of +-1 and +-1 deviations at the mean, sd of the mean 0.01 / 2.
  const auto exact = linear({parameter(1, 0, 10)}, {{1}, {1}, {1}, {1}}, {3.01, 2.99, 3.01, 2.99});
  const Fit fit = fit_least_squares(exact);
  CHECK(fit.values[0].value == doctest::Approx(3));
  // chi squared 4 over 3 degrees of freedom: sqrt(4 / 3) * 0.005
  CHECK(fit.values[0].deviation == doctest::Approx(std::sqrt(4.0 / 3) * 0.005).epsilon(1e-3));
}

TEST_CASE("a parameter stops at its bound, and the others do the best that is left") {
  const auto problem = linear({parameter(1, 0, 1.5), parameter(1, 0, 10)}, {{1, 0}, {1, 1}, {0, 1}}, {2, 7, 5});
  const Fit fit = fit_least_squares(problem);
  CHECK(fit.values[0].value == doctest::Approx(1.5));
  CHECK(fit.values[0].at_bound);
  CHECK(fit.values[1].value == doctest::Approx(5.25));  // between 7 - 1.5 and 5
  CHECK(!fit.values[1].at_bound);
}

TEST_CASE("parameters that only their sum decides are named, and the direction in which they trade is left alone") {
  const auto problem = linear({parameter(2, 0, 10), parameter(4, 0, 10), parameter(1, 0, 10)},
                              {{1, 1, 0}, {2, 2, 0}, {0, 0, 1}, {0, 0, 1}}, {8, 16, 3, 3});
  const Fit fit = fit_least_squares(problem);
  CHECK(fit.rank == 2);
  REQUIRE(fit.unidentified.size() == 1);
  const Vector& weights = fit.unidentified[0].weights;
  CHECK(std::abs(weights[0]) == doctest::Approx(std::sqrt(0.5)));
  CHECK(weights[0] == doctest::Approx(-weights[1]));
  CHECK(weights[2] == doctest::Approx(0));
  CHECK(fit.values[0].value + fit.values[1].value == doctest::Approx(8));
  CHECK(fit.values[1].value - fit.values[0].value == doctest::Approx(2));  // as at the start
  CHECK(fit.values[2].value == doctest::Approx(3));
  CHECK(fit.values[2].pinned);
}

TEST_CASE("whole numbers stay whole") {
  FitParameter locks = parameter(1, 0, 10);
  locks.grain = locks.step = 1;
  const Fit fit = fit_least_squares(linear({locks}, {{1}, {2}}, {4.4, 8.8}));
  CHECK(fit.values[0].value == 4);
}

TEST_CASE("a curved problem converges") {
  FitProblem problem{{parameter(1, 0.1, 10), parameter(1, 0.1, 10)}, {}};
  problem.residuals = [](const std::vector<Vector>& points) {
    std::vector<Vector> all;
    for (const Vector& x : points) {
      all.push_back({(x[0] * x[1] - 6) / 0.01, (x[0] + x[1] - 5) / 0.01, (x[0] * x[0] - 4) / 0.01});
    }
    return all;
  };
  const Fit fit = fit_least_squares(problem);
  CHECK(fit.values[0].value == doctest::Approx(2).epsilon(1e-2));
  CHECK(fit.values[1].value == doctest::Approx(3).epsilon(1e-2));
}

TEST_CASE("one number on one value: two evaluations show the slope, one the answer") {
  const Fit fit = fit_least_squares(linear({parameter(1, 0, 10)}, {{4}}, {12}));
  CHECK(fit.values[0].value == doctest::Approx(3));
  CHECK(fit.values[0].deviation == doctest::Approx(0.01 / 4));  // nothing is left over that would widen it
  CHECK(fit.values[0].pinned);
  CHECK(fit.evaluations == 4);  // the last for the slope at the end, which is far from the start
}

TEST_CASE("parameters that move no value in common are varied together, and do not disturb one another") {
  // Each value is a square of its own parameter: curved, so that a dense update would mix them.
  FitProblem problem{{parameter(2, 0.5, 10), parameter(3, 0.5, 10), parameter(4, 0.5, 10)}, {}};
  for (std::size_t j = 0; j < 3; ++j) problem.parameters[j].moves = {j};
  std::size_t calls = 0;
  problem.residuals = [&](const std::vector<Vector>& points) {
    ++calls;
    std::vector<Vector> all;
    for (const Vector& x : points) {
      all.push_back({(x[0] * x[0] - 4.2) / 0.01, (x[1] * x[1] - 8.5) / 0.01, (x[2] * x[2] - 16) / 0.01});
    }
    return all;
  };
  const Fit fit = fit_least_squares(problem);
  for (const auto& [j, square] : std::map<std::size_t, double>{{0, 4.2}, {1, 8.5}, {2, 16}}) {
    CHECK(fit.values[j].value == doctest::Approx(std::sqrt(square)).epsilon(1e-3));
    CHECK(fit.values[j].deviation == doctest::Approx(0.01 / (2 * std::sqrt(square))).epsilon(0.05));
  }
  CHECK(fit.evaluations <= 5);
  CHECK(calls <= 4);
}

TEST_CASE("more parameters than values are refused") {
  const auto problem = linear({parameter(1, 0, 10), parameter(1, 0, 10)}, {{1, 1}}, {2});
  CHECK_THROWS_AS(fit_least_squares(problem), std::invalid_argument);
}
