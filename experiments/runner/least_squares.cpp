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
constexpr double kMet = 0.2;          // standard deviations, root mean square: nearer than this nobody can tell
constexpr double kPinned = 0.5;       // share of a parameter that the pinned directions have to hold

Column column(const Vector& values) {
  return Eigen::Map<const Column>(values.data(), static_cast<Eigen::Index>(values.size()));
}

class Solver {
 public:
  explicit Solver(const FitProblem& problem) : problem_{problem} {}

  Fit solve() {
    for (const FitParameter& p : problem_.parameters) at_.push_back(rounded(p, std::clamp(p.start, p.low, p.high)));
    find_groups();
    differentiate();
    if (residuals_.size() < at_.size()) throw std::invalid_argument{"a fit has fewer values than parameters"};
    Fit fit;
    fit.start_residuals = residuals_;
    iterate();
    if (!differentiated_near()) differentiate();  // where it ended, for the intervals
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
  bool moves(std::size_t parameter, std::size_t residual) const {
    const std::vector<std::size_t>& moved = problem_.parameters[parameter].moves;
    return moved.empty() || std::ranges::find(moved, residual) != moved.end();
  }

  bool have_residual_in_common(std::size_t a, std::size_t b) const {
    const std::vector<std::size_t>& of_a = problem_.parameters[a].moves;
    if (of_a.empty() || problem_.parameters[b].moves.empty()) return true;
    return std::ranges::any_of(of_a, [&](std::size_t residual) { return moves(b, residual); });
  }

  // Parameters that can be varied together.
  void find_groups() {
    for (std::size_t j = 0; j < at_.size(); ++j) {
      const auto fits = [&](const std::vector<std::size_t>& group) {
        return std::ranges::none_of(group, [&](std::size_t other) { return have_residual_in_common(j, other); });
      };
      const auto group = std::ranges::find_if(groups_, fits);
      if (group != groups_.end()) {
        group->push_back(j);
      } else {
        groups_.push_back({j});
      }
    }
  }

  double varied(std::size_t j) const {
    const FitParameter& p = problem_.parameters[j];
    return rounded(p, at_[j] + p.step <= p.high ? at_[j] + p.step : std::max(p.low, at_[j] - p.step));
  }

  // Columns in units of the parameters' scales; at the start the residuals, too.
  void differentiate() {
    std::vector<Vector> points;
    if (residuals_.empty()) points.push_back(at_);
    const std::size_t first = points.size();
    for (const std::vector<std::size_t>& group : groups_) {
      Vector& point = points.emplace_back(at_);
      for (const std::size_t j : group) point[j] = varied(j);
    }
    const std::vector<Vector> there = evaluate(points);
    if (residuals_.empty()) residuals_ = there.front();
    jacobian_.setZero(static_cast<Eigen::Index>(residuals_.size()), static_cast<Eigen::Index>(at_.size()));
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      for (const std::size_t j : groups_[g]) set_column(j, points[first + g][j] - at_[j], there[first + g]);
    }
    differentiated_ = jacobian_;
    differentiated_at_ = at_;
    fresh_ = true;
  }

  void set_column(std::size_t j, double moved, const Vector& there) {
    if (moved == 0) return;
    for (std::size_t i = 0; i < residuals_.size(); ++i) {
      if (!moves(j, i)) continue;
      jacobian_(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j)) =
          (there[i] - residuals_[i]) / moved * problem_.parameters[j].scale;
    }
  }

  // No further away than the differences look.
  bool differentiated_near() const {
    for (std::size_t j = 0; j < at_.size(); ++j) {
      if (std::abs(at_[j] - differentiated_at_[j]) > problem_.parameters[j].step) return false;
    }
    return true;
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
    for (Eigen::Index i = 0; i < surprise.size(); ++i) {
      Column concerned = moved;
      for (Eigen::Index j = 0; j < concerned.size(); ++j) {
        if (!moves(static_cast<std::size_t>(j), static_cast<std::size_t>(i))) concerned[j] = 0;
      }
      if (concerned.squaredNorm() > 0)
        jacobian_.row(i) += surprise[i] / concerned.squaredNorm() * concerned.transpose();
    }
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

  bool met() const { return sum_of_squares(residuals_) <= kMet * kMet * static_cast<double>(residuals_.size()); }

  void iterate() {
    for (int i = 0; i < kMostSteps && !met(); ++i) {
      const bool was_fresh = fresh_;
      if (descend()) continue;
      if (was_fresh) return;
      differentiate();
    }
  }

  void describe(Fit& fit) const {
    const Eigen::JacobiSVD<Matrix> svd{differentiated_, Eigen::ComputeThinU | Eigen::ComputeThinV};
    const Column& response = svd.singularValues();
    const auto n = static_cast<Eigen::Index>(at_.size());
    fit.rank = static_cast<std::size_t>((response.array() >= kLeastResponse).count());
    // What the residuals are beyond their stated deviations is the model's error: the intervals have to hold it too.
    const double spare = static_cast<double>(residuals_.size() - fit.rank);
    const double inflation = spare > 0 ? std::max(1.0, sum_of_squares(residuals_) / spare) : 1;
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
  std::vector<std::vector<std::size_t>> groups_;
  Matrix jacobian_;
  bool fresh_ = false;     // the Jacobian is of this very place
  Matrix differentiated_;  // the last that was, without updates
  Vector differentiated_at_;
  std::size_t evaluations_ = 0;
};

}  // namespace

double sum_of_squares(const Vector& residuals) { return column(residuals).squaredNorm(); }

Fit fit_least_squares(const FitProblem& problem) { return Solver{problem}.solve(); }

}  // namespace runner
