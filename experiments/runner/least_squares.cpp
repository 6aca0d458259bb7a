#include "experiments/runner/least_squares.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <optional>
#include <stdexcept>

namespace runner {

namespace {

using Matrix = Eigen::MatrixXd;
using Column = Eigen::VectorXd;

constexpr int kMostSteps = 40;
constexpr double kLeastResponse = 1;  // standard deviations over one scale: less, and the data say nothing
constexpr double kEnough = 1e-4;      // relative decrease of the sum of squares that is not worth another step
constexpr double kPinned = 0.5;       // share of a parameter that the pinned directions have to hold

Column column(const Vector& values) {
  return Eigen::Map<const Column>(values.data(), static_cast<Eigen::Index>(values.size()));
}

class Solver {
 public:
  explicit Solver(const FitProblem& problem) : problem_{problem} {}

  Fit solve() {
    for (const FitParameter& p : problem_.parameters) at_.push_back(rounded(p, std::clamp(p.start, p.low, p.high)));
    evaluate_start();
    if (residuals_.size() <= at_.size()) throw std::invalid_argument{"a fit needs more values than parameters"};
    Fit fit;
    fit.start_residuals = residuals_;
    iterate();
    if (!fresh_) differentiate();  // where it ended, for the intervals
    describe(fit);
    return fit;
  }

 private:
  static double rounded(const FitParameter& p, double value) {
    return p.grain > 0 ? std::round(value / p.grain) * p.grain : value;
  }

  std::vector<Vector> evaluate(const std::vector<Vector>& points) {
    evaluations_ += points.size();
    return problem_.residuals(points);
  }
  void evaluate_start() { residuals_ = evaluate({at_}).front(); }

  // Columns in units of the parameters' scales.
  void differentiate() {
    std::vector<Vector> points;
    for (std::size_t j = 0; j < at_.size(); ++j) {
      const FitParameter& p = problem_.parameters[j];
      Vector& point = points.emplace_back(at_);
      point[j] = at_[j] + p.step <= p.high ? at_[j] + p.step : std::max(p.low, at_[j] - p.step);
      point[j] = rounded(p, point[j]);
    }
    const std::vector<Vector> there = evaluate(points);
    jacobian_.resize(static_cast<Eigen::Index>(residuals_.size()), static_cast<Eigen::Index>(at_.size()));
    for (std::size_t j = 0; j < at_.size(); ++j) {
      const double moved = points[j][j] - at_[j];
      const auto at = static_cast<Eigen::Index>(j);
      if (moved == 0) {
        jacobian_.col(at).setZero();
      } else {
        jacobian_.col(at) = (column(there[j]) - column(residuals_)) / moved * problem_.parameters[j].scale;
      }
    }
    fresh_ = true;
  }

  // Those that are at a bound and would go beyond it stay there.
  std::vector<Eigen::Index> free_parameters() const {
    const Column downhill = -jacobian_.transpose() * column(residuals_);
    std::vector<Eigen::Index> free;
    for (std::size_t j = 0; j < at_.size(); ++j) {
      const FitParameter& p = problem_.parameters[j];
      const double wish = downhill[static_cast<Eigen::Index>(j)];
      if ((at_[j] <= p.low && wish < 0) || (at_[j] >= p.high && wish > 0)) continue;
      free.push_back(static_cast<Eigen::Index>(j));
    }
    return free;
  }

  // The damped step, in scaled parameters, within the directions that the data pin down.
  Column step(double damping) const {
    const std::vector<Eigen::Index> free = free_parameters();
    Column full = Column::Zero(static_cast<Eigen::Index>(at_.size()));
    if (free.empty()) return full;
    const Matrix part = jacobian_(Eigen::all, free);
    const Eigen::JacobiSVD<Matrix> svd{part, Eigen::ComputeThinU | Eigen::ComputeThinV};
    Column along = svd.matrixU().transpose() * -column(residuals_);
    for (Eigen::Index k = 0; k < along.size(); ++k) {
      const double s = svd.singularValues()[k];
      along[k] = s < kLeastResponse ? 0 : along[k] * s / (s * s + damping);
    }
    const Column moves = svd.matrixV() * along;
    for (std::size_t i = 0; i < free.size(); ++i) full[free[i]] = moves[static_cast<Eigen::Index>(i)];
    return full;
  }

  Vector moved_by(const Column& scaled) const {
    Vector to;
    for (std::size_t j = 0; j < at_.size(); ++j) {
      const FitParameter& p = problem_.parameters[j];
      const double value = at_[j] + scaled[static_cast<Eigen::Index>(j)] * p.scale;
      to.push_back(rounded(p, std::clamp(value, p.low, p.high)));
    }
    return to;
  }

  void update_jacobian(const Vector& to, const Vector& there) {
    Column moved(static_cast<Eigen::Index>(to.size()));
    for (std::size_t j = 0; j < to.size(); ++j) {
      moved[static_cast<Eigen::Index>(j)] = (to[j] - at_[j]) / problem_.parameters[j].scale;
    }
    const Column surprise = column(there) - column(residuals_) - jacobian_ * moved;
    jacobian_ += surprise * moved.transpose() / moved.squaredNorm();
    fresh_ = false;
  }

  // Tries one length of step after the other; false when none leads down any more.
  bool descend() {
    const double now = sum_of_squares(residuals_);
    for (const double damping : {0.0, 10.0, 1e3, 1e5}) {
      const Vector to = moved_by(step(damping));
      if (to == at_) continue;
      const Vector there = evaluate({to}).front();
      const double then = sum_of_squares(there);
      if (then >= now) continue;
      update_jacobian(to, there);
      at_ = to;
      residuals_ = there;
      return now - then > kEnough * now;
    }
    return false;
  }

  void iterate() {
    differentiate();
    for (int i = 0; i < kMostSteps; ++i) {
      const bool was_fresh = fresh_;
      if (descend()) continue;
      if (was_fresh) return;
      differentiate();
    }
  }

  void describe(Fit& fit) const {
    const Eigen::JacobiSVD<Matrix> svd{jacobian_, Eigen::ComputeThinU | Eigen::ComputeThinV};
    const Column& response = svd.singularValues();
    const auto n = static_cast<Eigen::Index>(at_.size());
    fit.rank = static_cast<std::size_t>((response.array() >= kLeastResponse).count());
    // What the residuals are beyond their stated deviations is the model's error: the intervals have to hold it too.
    const double spare = static_cast<double>(residuals_.size() - fit.rank);
    const double inflation = std::max(1.0, sum_of_squares(residuals_) / spare);
    for (Eigen::Index j = 0; j < n; ++j) {
      double variance = 0, pinned = 0;
      for (Eigen::Index k = 0; k < n; ++k) {
        if (response[k] < kLeastResponse) continue;
        const double v = svd.matrixV()(j, k);
        variance += v * v / (response[k] * response[k]);
        pinned += v * v;
      }
      const auto i = static_cast<std::size_t>(j);
      const FitParameter& p = problem_.parameters[i];
      fit.values.push_back(
          {at_[i], std::sqrt(variance * inflation) * p.scale, pinned >= kPinned, at_[i] <= p.low || at_[i] >= p.high});
    }
    for (Eigen::Index k = 0; k < n; ++k) {
      if (response[k] >= kLeastResponse) continue;
      const Column v = svd.matrixV().col(k);
      fit.unidentified.push_back({Vector(v.begin(), v.end()), response[k]});
    }
    fit.residuals = residuals_;
    fit.evaluations = evaluations_;
  }

  const FitProblem& problem_;
  Vector at_, residuals_;
  Matrix jacobian_;
  bool fresh_ = false;  // the Jacobian is of this very place
  std::size_t evaluations_ = 0;
};

}  // namespace

double sum_of_squares(const Vector& residuals) { return column(residuals).squaredNorm(); }

Fit fit_least_squares(const FitProblem& problem) { return Solver{problem}.solve(); }

}  // namespace runner
