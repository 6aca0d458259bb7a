#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "experiments/runner/cli.h"
#include "experiments/runner/known_names.h"
#include "experiments/runner/names.h"
#include "experiments/runner/processes.h"
#include "experiments/runner/progress.h"
#include "experiments/runner/results.h"
#include "experiments/runner/script.h"
#include "experiments/runner/sweep/export.h"
#include "experiments/runner/sweep/identity.h"
#include "experiments/runner/sweep/sweep.h"
#include "experiments/runner/verbs.h"

namespace runner {

namespace {

namespace fs = std::filesystem;

struct Paths {
  fs::path folder, store;
};

Paths paths_of(const SweepArguments& arguments, const Points& points) {
  Paths paths;
  paths.folder =
      arguments.out.empty() ? root() / "results/out/sweeps" / points.experiment().id : fs::path{arguments.out};
  paths.store = arguments.store.empty() ? paths.folder / "store.sqlite" : fs::path{arguments.store};
  return paths;
}

// That no value of any key is wrong, without making every point of a large sweep. What is wrong with a combination
// only shows when its point is run, and is a failed point then.
void check_points(const Points& points) {
  constexpr std::size_t kFew = 1000;
  if (points.count() > kFew) {
    for (const std::size_t i : points.few_of_each(kFew)) points.at(i);
    return;
  }
  for (std::size_t i = 0; i < points.count(); ++i) points.at(i);
}

std::string shard_text(const Shard& shard) {
  return shard.of == 1 ? "" : fmt::format(" of shard {}/{}", shard.index + 1, shard.of);
}

// CPU seconds of a run, from a few that are made for it: the first, the last and one in the middle of those left.
double sampled_seconds(const SweepWork& work, const std::vector<Member>& left, const SweepOptions& options) {
  std::vector<Member> sample{left.front()};
  for (const Member& member : {left[left.size() / 2], left.back()}) {
    if (member != sample.back()) sample.push_back(member);
  }
  double seconds = 0;
  std::size_t next = 0, done = 0;
  Work pool_work;
  pool_work.next = [&]() -> std::optional<std::string> {
    return next < sample.size() ? std::optional{to_text(sample[next++])} : std::nullopt;
  };
  pool_work.serve = [&](const std::string& request) { return to_bytes(work.run(member_of(request))); };
  pool_work.finished = [&](const std::string&, const JobResult& result) {
    if (result.state != JobResult::State::done) return;
    seconds += record_of(result.output).seconds;
    ++done;
  };
  run_pool({.parallel = 1, .renew = true, .time_limit = options.time_limit}, pool_work, interrupt_flag());
  return done == 0 ? 0 : seconds / static_cast<double>(done);
}

// Lists the points and what is left to do. Writes nothing.
int dry_run(const Points& points, const SweepWork& work, const fs::path& store_path, const SweepOptions& options) {
  std::vector<Member> there;
  std::optional<Store> store;
  std::pair<double, std::int64_t> cost{0, 0};
  if (fs::exists(store_path)) {
    store.emplace(store_path);
    if (store->find_sweep(work.name, work.document)) there = store->members(false);
    cost = store->cost();
  }
  std::vector<Member> left;
  std::uint64_t finished = 0, count = 0;
  for (std::uint64_t i = options.shard.index; i < work.points && !interrupted(); i += options.shard.of, ++count) {
    std::uint32_t lacking = 0;
    for (std::uint32_t r = 0; r < work.replications; ++r) {
      const Member member{i, r};
      const bool has = std::ranges::binary_search(there, member) ||
                       (store && store->has_runs() && store->has(work.describe(member).key));
      if (has) ++finished;
      if (has) continue;
      left.push_back(member);
      ++lacking;
    }
    const std::string state = lacking == 0 ? "finished" : fmt::format("{} to run", lacking);
    fmt::print("{}\t{}\t{}\n", i, points.outline(i).name, state);
  }
  double seconds = cost.second == 0 ? 0 : cost.first / static_cast<double>(cost.second);
  std::string source = fmt::format("as {} finished runs took", cost.second);
  if (cost.second == 0 && !left.empty()) {
    seconds = sampled_seconds(work, left, options);
    source = "as a sample takes";
  }
  const double total = seconds * static_cast<double>(left.size());
  fmt::print("{} points{}: {} runs finished, {} to run", count, shard_text(options.shard), finished, left.size());
  if (work.precision) fmt::print(" at least, {} at most", count * work.precision->most - finished);
  if (!left.empty()) {
    fmt::print("; {:.3g} ms each {}: about {} with {} workers", seconds * 1e3, source,
               duration_text(total / options.jobs), options.jobs);
  }
  fmt::print("\n");
  return interrupted() ? kInterrupted : kDone;
}

// What came of it: failures with their reasons, a table if there are few points, files, pictures.
int conclude(const Points& points, const Store& store, const Paths& paths, bool pictures) {
  constexpr std::size_t kShown = 10;
  std::size_t failed = 0, finished = 0;
  bool invariant = false;
  store.for_each([&](const Member& member, const RunRecord& run) {
    if (run.state != RunRecord::State::failed) {
      ++finished;
      return;
    }
    invariant = invariant || run.failure == Failure::Kind::invariant;
    if (++failed > kShown) return;
    fmt::print(stderr, "{}: point {}, replication {}: {}\n", points.file(), run.point, member.replication, run.reason);
  });
  if (failed > kShown) fmt::print(stderr, "... and {} failed runs more\n", failed - kShown);
  export_sweep(points, store, paths.folder);
  if (const auto result = sweep_result(points, store)) fmt::print("{}\n", result_table(*result));
  fmt::print("{}: {} runs finished, {} failed; {}\n", points.experiment().id, finished, failed,
             (paths.folder / "results.csv").string());
  std::fflush(stdout);
  int status = invariant ? kBrokenInvariant : interrupted() ? kInterrupted : failed > 0 ? kSomeFailed : kDone;
  if (pictures && !interrupted() && finished > 0 && !draw_pictures(points, paths.folder)) {
    fmt::print(stderr, "the pictures could not be drawn\n");
    if (status == kDone) status = kSomeFailed;
  }
  return status;
}

fs::path this_program() { return fs::read_symlink("/proc/self/exe"); }

}  // namespace

int sweep_verb(const SweepArguments& arguments) {
  const Points points{arguments.file, arguments.choices};
  check_points(points);
  const Paths paths = paths_of(arguments, points);
  const SweepWork work = sweep_work(points);
  SweepOptions options = arguments.options;
  catch_interrupts();
  if (arguments.dry_run) return dry_run(points, work, paths.store, options);

  Store store{paths.store};
  if (!arguments.cluster.empty()) {
    const fs::path job = paths.folder / "cluster.json";
    write_file(job, batch_job(points, arguments.choices, options).dump(1) + '\n');
    options.cluster_program = {
        kPython,          (root() / "experiments/runner/sweep/cluster.py").string(),
        "--program",      arguments.remote_program.empty() ? this_program().string() : arguments.remote_program,
        "--job",          job.string(),
        arguments.cluster};
  }
  run_sweep(work, store, options);
  if (options.progress && interrupted()) fmt::print(stderr, "\n");
  return conclude(points, store, paths, arguments.pictures);
}

int draw_verb(const SweepArguments& arguments) {
  const Points points{arguments.file, arguments.choices};
  const Paths paths = paths_of(arguments, points);
  if (!fs::exists(paths.store)) {
    throw InputError{{paths.store.string(), ""}, Mismatch{"the store of a sweep that was begun", "no such file", ""}};
  }
  Store store{paths.store};
  const SweepWork work = sweep_work(points);
  if (!store.find_sweep(work.name, work.document)) {
    throw InputError{{paths.store.string(), ""},
                     Mismatch{"the sweep " + in_quotes(work.name) + " as the file has it", "another one", ""}};
  }
  return conclude(points, store, paths, true);
}

int store_dump_verb(const std::string& store) {
  dump_store(store, [](const std::string& line) {
    std::fwrite(line.data(), 1, line.size(), stdout);
    std::fputc('\n', stdout);
  });
  return kDone;
}

int store_merge_verb(const std::string& into, const std::vector<std::string>& from) {
  Store store{into};
  int status = kDone;
  for (const std::string& other : from) {
    for (const std::string& not_joined : store.merge(other)) {
      fmt::print(stderr, "{}: {}: its runs were taken over, its list of points was not\n", other, not_joined);
      status = kSomeFailed;
    }
  }
  return status;
}

Json batch_job(const Points& points, const Choices& choices, const SweepOptions& options) {
  Json job{{"model", hex(model_key())}, {"file", points.file()}, {"document", points.document()}, {"set", choices.set}};
  job["seed"] = points.experiment().seed;
  if (options.time_limit) job["time_limit_ms"] = options.time_limit->count();
  return job;
}

int batch_verb(const std::string& file) {
  const Json job = load_json(file);
  if (job.at("model") != hex(model_key())) {
    throw InputError{{file, "/model"},
                     Mismatch{"work for the model of this program, " + hex(model_key()), job.at("model").dump(), ""}};
  }
  Choices choices;
  choices.set = job.at("set").get<std::vector<std::string>>();
  choices.seed = job.at("seed").get<std::uint64_t>();
  const Points points{job.at("document"), job.at("file").get<std::string>(), choices};
  const SweepWork work = sweep_work(points);
  PoolOptions options{.parallel = 1, .ahead = 8, .renew = work.renew_workers};
  if (job.contains("time_limit_ms")) options.time_limit = std::chrono::milliseconds{job["time_limit_ms"].get<int>()};

  std::map<std::string, std::uint32_t> ids;  // of the requests
  Work pool_work;
  pool_work.next = [&]() -> std::optional<std::string> {
    const auto message = read_message(STDIN_FILENO);
    if (!message) return std::nullopt;
    ids[message->text] = message->id;
    return message->text;
  };
  pool_work.serve = [&](const std::string& request) { return to_bytes(work.run(member_of(request))); };
  bool heard = true;
  pool_work.finished = [&](const std::string& request, const JobResult& result) {
    const std::string answer = result.state == JobResult::State::done
                                   ? result.output
                                   : to_bytes(crashed(work, member_of(request), result.output));
    heard = write_message(STDOUT_FILENO, {ids[request], answer}) && heard;
  };
  run_pool(options, pool_work, interrupt_flag());
  return heard ? kDone : kSomeFailed;
}

}  // namespace runner
