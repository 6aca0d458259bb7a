#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "experiments/runner/bench.h"
#include "experiments/runner/stopwatch.h"
#include "experiments/runner/sweep/identity.h"
#include "experiments/runner/sweep/sweep.h"

namespace runner {

namespace {

constexpr std::uint64_t kPoints = 10'000, kManyPoints = 1'000'000;
constexpr double kWork = 1.6e-3;  // CPU seconds of a point: about the shortest simulation there is

// Where the stores go, and go away again.
class Scratch {
 public:
  Scratch() : path_{std::filesystem::temp_directory_path() / ("ringzero-bench-" + std::to_string(getpid()))} {
    std::filesystem::create_directories(path_);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() { std::filesystem::remove_all(path_); }
  std::filesystem::path store(const char* name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

RunRecord record_of_point(const Member& member) {
  RunRecord record;
  record.point = "n=" + std::to_string(member.point);
  record.values = "{\"n\":" + std::to_string(member.point) + '}';
  record.seed = 1;
  record.key = run_key(digest({}, record.point), 1);
  record.measurements = measurements_text({{"throughput", 1.0 / (1.0 + static_cast<double>(member.point)), "CPUs"}});
  return record;
}

SweepWork synthetic(std::uint64_t points, double seconds) {
  SweepWork work{.name = "bench", .document = "{}", .points = points};
  work.describe = record_of_point;
  work.run = [seconds](const Member& member) {
    const Stopwatch stopwatch;
    while (stopwatch.seconds() < seconds) {
    }
    RunRecord record = record_of_point(member);
    record.seconds = stopwatch.seconds();
    return record;
  };
  return work;
}

double wall_seconds(const SweepWork& work, Store& store) {
  const auto start = std::chrono::steady_clock::now();
  run_sweep(work, store, {.jobs = 2});
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// The ideal is what two processes need that do the same work and nothing else, just before and just after.
double ideal_seconds() {
  const auto start = std::chrono::steady_clock::now();
  const SweepWork work = synthetic(kPoints, kWork);
  for (int i = 0; i < 2; ++i) {
    if (fork() != 0) continue;
    for (std::uint64_t n = 0; n < kPoints / 2; ++n) work.run({n, 0});
    _exit(0);
  }
  while (wait(nullptr) > 0) {
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double peak_mebibytes(int who) {
  rusage usage{};
  getrusage(who, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;  // from KiB
}

}  // namespace

std::vector<Benchmark> bench_sweeps() {
  const Scratch scratch;
  std::vector<Benchmark> benchmarks;
  const double before = ideal_seconds();
  double swept = 0;
  {
    Store store{scratch.store("short")};
    swept = wall_seconds(synthetic(kPoints, kWork), store);
  }
  const double ideal = (before + ideal_seconds()) / 2;
  benchmarks.push_back({"sweep of 10 000 points of 1.6 ms, two workers", swept / ideal, "x", 1.3, false,
                        "of the time that two processes need for the work alone, before and after"});

  {  // the store by itself: a tenth of the points at a time
    Store store{scratch.store("rows")};
    store.begin_sweep("rows", "{}");
    std::vector<double> tenths;
    for (std::uint64_t tenth = 0; tenth < 10; ++tenth) {
      const Stopwatch stopwatch;
      for (std::uint64_t n = 0; n < kManyPoints / 10; ++n) {
        const Member member{tenth * (kManyPoints / 10) + n, 0};
        store.add(member, record_of_point(member));
        store.commit_if_due();  // as a sweep does
      }
      tenths.push_back(stopwatch.seconds() / (kManyPoints / 10) * 1e6);
    }
    benchmarks.push_back({"a point put into the store, the first 100 000", tenths.front(), "us"});
    benchmarks.push_back({"the same, the last 100 000 of a million", tenths.back(), "us", 1.5 * tenths.front()});
  }

  Store store{scratch.store("many")};
  const double seconds = wall_seconds(synthetic(kManyPoints, 0), store);
  benchmarks.push_back({"sweep of 1 000 000 points without work", kManyPoints / seconds / 1e3, "k/s"});
  benchmarks.push_back({"peak memory of that sweep", peak_mebibytes(RUSAGE_SELF), "MiB", 500});
  benchmarks.push_back({"peak memory of its largest worker", peak_mebibytes(RUSAGE_CHILDREN), "MiB", 500});
  return benchmarks;
}

}  // namespace runner
