// compare: two configurations, run with the same seeds, so that what chance does to both cancels in their difference.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "experiments/runner/cli.h"
#include "experiments/runner/names.h"
#include "experiments/runner/one_point.h"
#include "experiments/runner/processes.h"
#include "experiments/runner/sweep/record.h"
#include "experiments/runner/verbs.h"
#include "sim/statistics.h"

namespace runner {

namespace {

struct Side : OnePoint {
  std::map<std::uint32_t, std::vector<Measurement>> runs;  // by replication
};

// What is known of one metric, from pairs of runs.
struct Difference {
  std::string unit;
  sim::RunningStatistics a, b, difference;

  sim::ConfidenceInterval interval() const { return sim::confidence_interval(difference, 0.95); }
  // Pairs with seeds of their own that would say as much.
  double independent_pairs() const {
    const double paired = difference.variance(), independent = a.variance() + b.variance();
    return paired == 0 ? 0 : static_cast<double>(difference.count()) * independent / paired;
  }
};

std::optional<Difference> difference_of(const std::string& metric, const Side& a, const Side& b, std::uint32_t pairs) {
  Difference result;
  for (std::uint32_t r = 0; r < pairs; ++r) {
    const auto value = [&](const Side& side) {
      const auto& measurements = side.runs.at(r);
      const auto found = std::ranges::find(measurements, metric, &Measurement::metric);
      return found == measurements.end() ? nullptr : &*found;
    };
    const Measurement *of_a = value(a), *of_b = value(b);
    if (of_a == nullptr || of_b == nullptr) return std::nullopt;
    result.unit = of_a->unit;
    result.a.add(of_a->value);
    result.b.add(of_b->value);
    result.difference.add(of_b->value - of_a->value);
  }
  return result;
}

void run_pairs(Side& a, Side& b, std::uint64_t seed, std::uint32_t from, std::uint32_t to, const RunOptions& options) {
  const auto side = [&](std::size_t job) -> Side& { return job % 2 == 0 ? a : b; };
  const auto replication = [from](std::size_t job) { return from + static_cast<std::uint32_t>(job / 2); };
  const auto run = [&](std::size_t job) {
    const auto outcome = try_run(side(job).point.setup, seed + replication(job), {.check_every = options.check_every});
    if (const auto* failure = std::get_if<Failure>(&outcome)) return Json{{"failure", failure->message}}.dump();
    return measurements_text(std::get<Replication>(outcome).measurements);
  };
  const auto results = run_in_processes(
      std::size_t{2} * (to - from), options.jobs, run,
      [&](std::size_t done) {
        if (options.progress) fmt::print(stderr, "\r{} runs  ", 2 * from + done);
      },
      interrupt_flag());
  for (std::size_t job = 0; job < results.size() && !interrupted(); ++job) {
    const bool crashed = results[job].state != JobResult::State::done;
    if (crashed || results[job].output.starts_with('{')) {
      throw std::runtime_error{
          fmt::format("{} failed: {}", job % 2 == 0 ? "A" : "B",
                      crashed ? results[job].output : Json::parse(results[job].output)["failure"].get<std::string>())};
    }
    side(job).runs[replication(job)] = measurements_of(results[job].output);
  }
}

std::vector<std::string> metrics_of(const CompareArguments& arguments, const Side& a) {
  if (!arguments.metrics.empty()) return arguments.metrics;
  if (!a.experiment.show.empty()) return a.experiment.show;
  return {"throughput"};
}

std::string verdict(const sim::ConfidenceInterval& interval) {
  if (interval.low() > 0) return "B is more";
  if (interval.high() < 0) return "B is less";
  return "no difference seen";
}

}  // namespace

int compare_verb(const CompareArguments& arguments) {
  const std::vector<OnePoint> points = load_two_points(arguments.sides);
  Side a{points[0], {}}, b{points[1], {}};
  const std::vector<std::string> metrics = metrics_of(arguments, a);
  catch_interrupts();

  const std::uint64_t seed = arguments.seed.value_or(a.experiment.seed);
  std::uint32_t pairs = 0, wanted = std::max(arguments.least, 2u);
  while (pairs < wanted) {
    run_pairs(a, b, seed, pairs, wanted, arguments.options);
    if (interrupted()) return kInterrupted;
    pairs = wanted;
    const auto decisive = difference_of(metrics.front(), a, b, pairs);
    if (!decisive) {
      std::vector<std::string> known;
      for (const Measurement& m : a.runs.at(0)) known.push_back(m.metric);
      throw InputError{
          {"--metric", ""},
          Mismatch{"a metric that both sides have", in_quotes(metrics.front()), nearest_name(metrics.front(), known)}};
    }
    const double target = std::abs(decisive->a.mean()) * static_cast<double>(arguments.half_width) * 1e-6;
    const double ratio = decisive->interval().half_width / target;
    if (!(ratio > 1) || pairs >= arguments.most) break;
    wanted = std::clamp(static_cast<std::uint32_t>(std::ceil(pairs * std::min(ratio * ratio, 2.0))), pairs + 1,
                        std::max(arguments.most, pairs + 1));
  }
  if (arguments.options.progress) fmt::print(stderr, "\n");

  Json document{{"pairs", pairs}, {"seed", seed}, {"metrics", Json::array()}};
  if (!arguments.json) {
    fmt::print("A: {}\nB: {}\n{:<20} {:>12} {:>12} {:>12}  {:<26} {:>8}  {}\n", a.point.name, b.point.name, "metric",
               "A", "B", "B - A", "95 % interval", "B / A", "");
  }
  for (const std::string& metric : metrics) {
    const auto d = difference_of(metric, a, b, pairs);
    if (!d) continue;
    const sim::ConfidenceInterval interval = d->interval();
    document["metrics"].push_back({{"metric", metric},
                                   {"unit", d->unit},
                                   {"a", d->a.mean()},
                                   {"b", d->b.mean()},
                                   {"difference", interval.mean},
                                   {"ci_low", interval.low()},
                                   {"ci_high", interval.high()},
                                   {"independent_pairs", d->independent_pairs()}});
    if (arguments.json) continue;
    fmt::print("{:<20} {:>12.6g} {:>12.6g} {:>12.4g}  {:<26} {:>8.4g}  {}\n", metric, d->a.mean(), d->b.mean(),
               interval.mean, fmt::format("{:.4g} .. {:.4g} {}", interval.low(), interval.high(), d->unit),
               d->b.mean() / d->a.mean(), verdict(interval));
  }
  if (arguments.json) {
    fmt::print("{}\n", document.dump(1));
    return kDone;
  }
  const auto d = difference_of(metrics.front(), a, b, pairs);
  fmt::print("{} pairs of runs with the seeds {} to {}", pairs, seed, seed + pairs - 1);
  if (d->independent_pairs() > 0) {
    fmt::print("; for {}, seeds of their own would have taken about {:.0f} pairs", metrics.front(),
               std::ceil(d->independent_pairs()));
  }
  fmt::print("\n");
  return kDone;
}

}  // namespace runner
