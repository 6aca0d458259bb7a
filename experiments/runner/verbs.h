// What the verbs of the command line do. Each prints its result on stdout and returns the exit status; bad input comes
// out as InputError.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "experiments/runner/one_point.h"
#include "experiments/runner/plan.h"
#include "experiments/runner/runner.h"
#include "experiments/runner/sweep/sweep.h"

namespace runner {

struct RunArguments {
  std::vector<std::string> files;
  Choices choices;
  bool json = false;
  std::string out;  // folder for results.csv and result.json; empty: none
  RunOptions options;
};

struct CalibrateArguments {
  std::string file;              // empty: that of lmbench
  std::string stage;             // empty: all
  std::vector<std::string> set;  // "key=value", laid over its experiment
  bool dry_run = false;          // parameter files stay as they are
  RunOptions options;
};

struct DiskReplayArguments {
  std::string drive;   // a name of model/drives, or a file
  std::string trace;   // CSV
  std::string policy;  // empty: the drive's own
  std::uint32_t outstanding = 1;
  bool json = false;  // one JSON document on stdout instead of a CSV
  std::string out;    // file for the CSV; empty: stdout
};

struct SweepArguments {
  std::string file;
  Choices choices;
  SweepOptions options;
  bool dry_run = false;
  bool pictures = true;
  std::string out;             // folder; empty: results/out/sweeps/ID
  std::string store;           // file; empty: store.sqlite in that folder
  std::string cluster;         // address of a dask scheduler; empty: workers of our own
  std::string remote_program;  // path of ringzero on its machines; empty: as here
};

struct CompareArguments {
  TwoSides sides;
  std::vector<std::string> metrics;  // empty: what the first experiment shows
  std::optional<std::uint64_t> seed;
  std::int64_t half_width = 10'000;    // ppm of a's mean
  std::uint32_t least = 3, most = 30;  // pairs of runs
  RunOptions options;
  bool json = false;
};

struct DiffArguments {
  TwoSides sides;
  std::optional<std::uint64_t> seed;
  unsigned jobs = 1;
};

int run_verb(const RunArguments& arguments);
int validate_verb(const std::vector<std::string>& files, const Choices& choices);
int schema_verb();
int list_verb();
int explain_verb(const std::string& key);
int schedule_verb(const std::string& scenario);
int paper_verb(const std::vector<std::string>& ids, const RunOptions& options);
int calibrate_verb(const CalibrateArguments& arguments);
int disk_replay_verb(const DiskReplayArguments& arguments);
int sweep_verb(const SweepArguments& arguments);
int draw_verb(const SweepArguments& arguments);  // from what the store has
int batch_verb(const std::string& job);          // runs asked for on stdin, as messages, answered on stdout
int store_dump_verb(const std::string& store);
int store_merge_verb(const std::string& into, const std::vector<std::string>& from);
int compare_verb(const CompareArguments& arguments);
int diff_verb(const DiffArguments& arguments);
int bench_verb(bool json, const std::vector<std::string>& groups);  // of benchmarks; none: those that take no minutes
int version_verb();

}  // namespace runner
