#include "experiments/runner/sweep/export.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <stdexcept>

#include "experiments/runner/csv.h"
#include "experiments/runner/known_names.h"
#include "experiments/runner/results.h"
#include "experiments/runner/script.h"

namespace runner {

namespace {

constexpr std::size_t kPointsOfTable = 100;

// A file that appears whole or not at all, written piece by piece.
class OutputFile {
 public:
  OutputFile(const std::filesystem::path& file, std::string_view head) : file_{file}, partial_{file} {
    partial_ += ".part";
    stream_.open(partial_, std::ios::binary);
    stream_ << head;
  }
  void write(const std::string& text) { stream_ << text; }
  void finish() {
    stream_.close();
    if (!stream_) throw std::runtime_error{"cannot write " + file_.string()};
    std::filesystem::rename(partial_, file_);
  }

 private:
  std::filesystem::path file_, partial_;
  std::ofstream stream_;
};

std::vector<std::int64_t> latencies_of(const std::string& bytes) {
  std::vector<std::int64_t> latencies;
  for (std::size_t at = 0; at + 8 <= bytes.size(); at += 8) {
    std::uint64_t word = 0;
    for (std::size_t i = 8; i-- > 0;) word = word << 8 | static_cast<std::uint8_t>(bytes[at + i]);
    latencies.push_back(static_cast<std::int64_t>(word));
  }
  return latencies;
}

PointResult point_result(const std::vector<RunRecord>& runs) {
  PointResult point{.finished = !runs.empty()};
  for (const RunRecord& run : runs) {
    if (run.state == RunRecord::State::failed) {
      point.finished = false;
      if (!point.failure) point.failure = Failure{run.failure, run.reason};
      continue;
    }
    point.replications.push_back(
        {run.seed, run.fingerprint, run.events, measurements_of(run.measurements), latencies_of(run.latencies)});
  }
  return point;
}

// Calls visit(point, its runs) for each point that has any, in their order.
template <class Visit>
void for_each_point(const Store& store, Visit visit) {
  std::vector<RunRecord> runs;
  std::uint64_t point = 0;
  store.for_each([&](const Member& member, const RunRecord& record) {
    if (member.point != point && !runs.empty()) {
      visit(point, runs);
      runs.clear();
    }
    point = member.point;
    runs.push_back(record);
  });
  if (!runs.empty()) visit(point, runs);
}

// The points that others are divided by or compared with; the same one comes again and again.
class References {
 public:
  explicit References(const Store& store) : store_{store} {}

  const PointResult& at(std::uint64_t point) {
    const auto found = cached_.find(point);
    if (found != cached_.end()) return found->second;
    constexpr std::size_t kMost = 1000;
    if (cached_.size() == kMost) cached_.clear();
    return cached_.emplace(point, point_result(store_.runs_of(point))).first->second;
  }

 private:
  const Store& store_;
  std::map<std::uint64_t, PointResult> cached_;
};

}  // namespace

void export_sweep(const Points& points, const Store& store, const std::filesystem::path& folder) {
  const Experiment& experiment = points.experiment();
  std::filesystem::create_directories(folder);
  write_file(folder / "experiment.json", points.document().dump(2) + '\n');
  OutputFile listing{folder / "points.csv", "point,key,value\n"}, results{folder / "results.csv", kResultsHead};
  std::optional<OutputFile> latencies;
  if (std::ranges::any_of(experiment.pictures, [](const Picture& picture) { return picture.x == kLatency; })) {
    latencies.emplace(folder / "latencies.csv", kLatenciesHead);
  }
  References references{store};
  for_each_point(store, [&](std::uint64_t number, const std::vector<RunRecord>& runs) {
    const std::string& name = runs.front().point;
    PointResult result = point_result(runs);
    if (experiment.normalise) {
      add_relative_metric(*experiment.normalise, result, references.at(points.reference(number)));
    }
    for (const Loss& loss : experiment.losses) {
      const std::size_t from = points.without_loss(loss, number);
      if (from != number) add_loss(loss, result, references.at(from));
    }
    const Json values = Json::parse(runs.front().values);
    for (const auto& [key, value] : values.items()) {
      listing.write(csv_field(name) + ',' + csv_field(key) + ',' + csv_field(plain_text(value)) + '\n');
    }
    results.write(result_rows(experiment.id, name, result));
    if (latencies) latencies->write(latency_rows(experiment.id, name, result));
  });
  listing.finish();
  results.finish();
  if (latencies) latencies->finish();
}

bool draw_pictures(const Points& points, const std::filesystem::path& folder) {
  if (points.experiment().pictures.empty()) return true;
  return run_script(root() / "results/figures/_pictures.py",
                    {"--results", folder.string(), "--out", (folder / "figures").string()});
}

std::optional<ExperimentResult> sweep_result(const Points& points, const Store& store) {
  if (points.count() > kPointsOfTable) return std::nullopt;
  ExperimentResult result{{points.file(), points.experiment(), {}}, {}};
  result.points.resize(points.count());
  for (std::size_t i = 0; i < points.count(); ++i) result.plan.points.push_back(points.outline(i));
  for_each_point(store, [&](std::uint64_t number, const std::vector<RunRecord>& runs) {
    result.points[number] = point_result(runs);
  });
  summarise_metrics(result);
  return result;
}

}  // namespace runner
