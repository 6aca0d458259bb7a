#include "experiments/runner/sweep/sweep.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <map>
#include <memory>

#include "experiments/runner/processes.h"
#include "experiments/runner/progress.h"
#include "experiments/runner/settings.h"
#include "experiments/runner/stopwatch.h"
#include "experiments/runner/sweep/identity.h"
#include "sim/statistics.h"

namespace runner {

namespace {

std::string bytes_of(const std::vector<std::int64_t>& latencies) {
  std::string bytes;
  for (const std::int64_t latency : latencies) {
    for (int shift = 0; shift < 64; shift += 8) {
      bytes += static_cast<char>(static_cast<std::uint64_t>(latency) >> shift & 0xff);
    }
  }
  return bytes;
}

// Replications of a point follow each other, so the last point that was made is kept.
class ExperimentRuns {
 public:
  explicit ExperimentRuns(const Points& points) : points_{points} {}

  RunRecord describe(const Member& member) {
    make(member.point);
    RunRecord record = described_;
    record.seed = points_.experiment().seed + member.replication;
    record.key = run_key(point_key_, record.seed);
    return record;
  }

  RunRecord run(const Member& member) {
    RunRecord record = describe(member);
    if (!point_) return record;
    const Stopwatch stopwatch;
    const auto outcome = try_run(point_->setup, record.seed, {});
    record.seconds = stopwatch.seconds();
    if (const auto* failure = std::get_if<Failure>(&outcome)) {
      record.state = RunRecord::State::failed;
      record.failure = failure->kind;
      record.reason = failure->message;
      return record;
    }
    const auto& replication = std::get<Replication>(outcome);
    record.fingerprint = replication.fingerprint;
    record.events = replication.events;
    record.measurements = measurements_text(replication.measurements);
    record.latencies = bytes_of(replication.latencies_ns);
    return record;
  }

 private:
  void make(std::uint64_t number) {
    if (number_ == number) return;
    number_ = number;
    point_.reset();
    described_ = {};
    const Point outline = points_.outline(number);
    described_.point = outline.name;
    Json values = Json::object();
    if (!outline.case_name.empty()) values[std::string{kCase}] = outline.case_name;
    for (const auto& [key, value] : outline.values) values[key] = value;
    described_.values = values.dump();
    try {
      point_ = points_.at(number);
      point_key_ = point_key(point_->setup);
    } catch (const std::exception& error) {  // a point that cannot be: it has no configuration to go by
      point_.reset();
      described_.state = RunRecord::State::failed;
      described_.failure = Failure::Kind::input;
      described_.reason = error.what();
      point_key_ = digest(digest(model_key(), points_.document().dump()), described_.point);
    }
  }

  const Points& points_;
  std::optional<std::uint64_t> number_;
  std::optional<Point> point_;
  RunKey point_key_{};
  RunRecord described_;
};

std::vector<double> values_of(const std::vector<RunRecord>& runs, const std::string& metric) {
  std::vector<double> values;
  for (const RunRecord& run : runs) {
    if (run.state == RunRecord::State::failed) return {};
    for (const Measurement& m : measurements_of(run.measurements)) {
      if (m.metric == metric) values.push_back(m.value);
    }
  }
  return values;
}

// Which runs are left, in which order.
class Agenda {
 public:
  Agenda(const SweepWork& work, Store& store, const SweepOptions& options)
      : work_{work}, store_{store}, shard_{options.shard}, point_{options.shard.index} {
    for (const Member& member : store.members(options.retry_failed)) {
      if (member.point % shard_.of == shard_.index) there_.push_back(member);
    }
  }

  std::uint64_t points() const {
    return work_.points > shard_.index ? (work_.points - shard_.index - 1) / shard_.of + 1 : 0;
  }
  std::uint64_t points_complete() const { return complete_; }
  std::uint64_t points_there_before() const { return there_before_; }

  std::optional<Member> next() {
    while (true) {
      if (!more_.empty()) {
        const Member member = more_.front();
        more_.pop_front();
        return member;
      }
      if (point_ >= work_.points) return std::nullopt;
      begin(point_);
      point_ += shard_.of;
    }
  }

  void finished(const Member& member) {
    State& state = open_.at(member.point);
    if (--state.missing == 0) extend(member.point, state);
  }

 private:
  struct State {
    std::uint32_t wanted = 0, missing = 0;  // replications
  };

  void begin(std::uint64_t point) {
    State& state = open_[point];
    const std::uint64_t complete = complete_;
    extend(point, state);
    there_before_ += complete_ - complete;
  }

  // Asks for replications of the point until it has what is wanted; then it is complete.
  void extend(std::uint64_t point, State& state) {
    while (state.missing == 0) {
      const std::uint32_t wanted = state.wanted == 0 ? work_.replications : more_wanted(point, state.wanted);
      if (wanted <= state.wanted) {
        open_.erase(point);
        ++complete_;
        return;
      }
      for (std::uint32_t r = state.wanted; r < wanted; ++r) {
        const Member member{point, r};
        if (std::ranges::binary_search(there_, member)) continue;
        more_.push_back(member);
        ++state.missing;
      }
      state.wanted = wanted;
    }
  }

  std::uint32_t more_wanted(std::uint64_t point, std::uint32_t wanted) const {
    if (!work_.precision) return wanted;
    std::vector<RunRecord> runs = store_.runs_of(point);
    runs.resize(std::min<std::size_t>(runs.size(), wanted));
    const std::vector<double> values = values_of(runs, work_.precision->metric);
    return values.size() < wanted ? wanted : replications_wanted(*work_.precision, values);
  }

  const SweepWork& work_;
  Store& store_;
  Shard shard_;
  std::uint64_t point_;
  std::uint64_t complete_ = 0, there_before_ = 0;
  std::vector<Member> there_;  // in order
  std::deque<Member> more_;
  std::map<std::uint64_t, State> open_;
};

}  // namespace

std::string to_text(const Member& member) { return fmt::format("{} {}", member.point, member.replication); }

Member member_of(const std::string& text) {
  const std::size_t space = text.find(' ');
  return {std::stoull(text), static_cast<std::uint32_t>(std::stoul(text.substr(space + 1)))};
}

SweepWork sweep_work(const Points& points) {
  const Experiment& experiment = points.experiment();
  const auto is_simgrid = [](const Override& override) {
    return override.key == "world" && override.value == "simgrid";
  };
  bool simgrid = experiment.setup.host.world == guest::World::simgrid;
  for (const Case& each : experiment.cases) simgrid = simgrid || std::ranges::any_of(each.set, is_simgrid);
  for (const Axis& axis : experiment.vary) simgrid = simgrid || std::ranges::any_of(axis.values, is_simgrid);

  // What the points follow from: another title, or other pictures, make no other sweep.
  Json document = Json::object();
  std::vector<std::string> keys = setup_keys();
  for (const char* key : {"cases", "vary", "sample"}) keys.emplace_back(key);
  for (const std::string& key : keys) {
    if (points.document().contains(key)) document[key] = points.document()[key];
  }
  document["seed"] = experiment.seed;
  const auto runs = std::make_shared<ExperimentRuns>(points);
  return {.name = experiment.id,
          .document = document.dump(),
          .points = points.count(),
          .replications = experiment.replications,
          .precision = experiment.precision,
          .renew_workers = simgrid,
          .describe = [runs](const Member& member) { return runs->describe(member); },
          .run = [runs](const Member& member) { return runs->run(member); }};
}

RunRecord crashed(const SweepWork& work, const Member& member, const std::string& reason) {
  RunRecord record = work.describe(member);
  record.state = RunRecord::State::failed;
  record.failure = Failure::Kind::error;
  record.reason = fmt::format("{} (seed {})", reason, record.seed);
  return record;
}

std::uint32_t replications_wanted(const Precision& precision, const std::vector<double>& values) {
  const auto n = static_cast<std::uint32_t>(values.size());
  if (n >= precision.most) return n;
  if (n < 2) return 2;
  sim::RunningStatistics statistics;
  for (const double value : values) statistics.add(value);
  const double target = std::abs(statistics.mean()) * static_cast<double>(precision.half_width) * 1e-6;
  const double ratio = sim::confidence_interval(statistics, 0.95).half_width / target;
  if (!(ratio > 1)) return n;
  // The width goes with the root of their number; estimates from few are poor, so at most twice as many at a time.
  const double guess = std::ceil(n * std::min(ratio * ratio, 2.0));
  return std::clamp(static_cast<std::uint32_t>(guess), n + 1, precision.most);
}

void run_sweep(const SweepWork& work, Store& store, const SweepOptions& options) {
  store.begin_sweep(work.name, work.document);
  Agenda agenda{work, store, options};
  const bool may_know = store.has_runs();
  Progress progress{options.progress, agenda.points(), "points"};
  std::size_t failed = 0;

  Work pool_work;
  const bool cluster = !options.cluster_program.empty();
  // The record of a run that the store has from another sweep, or from another version of this one.
  const auto known_record = [&](const Member& member) -> std::optional<RunRecord> {
    if (!may_know) return std::nullopt;
    RunRecord record = work.describe(member);
    if (!store.has(record.key)) return std::nullopt;
    record.state = RunRecord::State::known;
    return record;
  };
  pool_work.next = [&]() -> std::optional<std::string> {
    while (const auto member = agenda.next()) {
      const auto record = cluster ? known_record(*member) : std::nullopt;
      if (!record) return to_text(*member);
      store.add(*member, *record);
      agenda.finished(*member);
    }
    return std::nullopt;
  };
  pool_work.serve = [&](const std::string& request) {
    const Member member = member_of(request);
    const auto record = known_record(member);
    return to_bytes(record ? *record : work.run(member));
  };
  pool_work.finished = [&](const std::string& request, const JobResult& result) {
    const Member member = member_of(request);
    const RunRecord record =
        result.state == JobResult::State::done ? record_of(result.output) : crashed(work, member, result.output);
    if (record.state == RunRecord::State::failed) ++failed;
    store.add(member, record);
    agenda.finished(member);
    progress.show(agenda.points_complete(), failed, agenda.points_there_before());
  };
  pool_work.idle = [&] { store.commit_if_due(); };

  constexpr unsigned kAhead = 8, kAheadOfCluster = 2000;
  run_pool({.parallel = cluster ? 1 : options.jobs,
            .ahead = cluster ? kAheadOfCluster : kAhead,
            .renew = work.renew_workers && !cluster,
            .time_limit = cluster ? std::nullopt : options.time_limit,
            .program = options.cluster_program},
           pool_work, interrupt_flag());
  store.commit();
}

}  // namespace runner
