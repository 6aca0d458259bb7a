// What the verbs of the command line do. Each prints its result on stdout and returns the exit status; bad input comes
// out as InputError.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "experiments/runner/plan.h"
#include "experiments/runner/runner.h"

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

int run_verb(const RunArguments& arguments);
int validate_verb(const std::vector<std::string>& files, const Choices& choices);
int schema_verb();
int list_verb();
int explain_verb(const std::string& key);
int schedule_verb(const std::string& scenario);
int paper_verb(const std::vector<std::string>& ids, const RunOptions& options);
int calibrate_verb(const CalibrateArguments& arguments);
int disk_replay_verb(const DiskReplayArguments& arguments);
int bench_verb(bool json);
int version_verb();

}  // namespace runner
