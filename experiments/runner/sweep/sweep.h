// A sweep: all points of an experiment that the store lacks, run by workers, and put into the store as they come.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "experiments/runner/plan.h"
#include "experiments/runner/sweep/store.h"

namespace runner {

// What there is to run. `describe` gives a run's record without what only the run itself tells; both throw no
// exception.
struct SweepWork {
  std::string name;
  std::string document;  // as text: two sweeps of one document have the same points
  std::uint64_t points = 0;
  std::uint32_t replications = 1;  // of each point, at least
  std::optional<Precision> precision;
  bool renew_workers = false;  // a process runs one run only
  std::function<RunRecord(const Member&)> describe;
  std::function<RunRecord(const Member&)> run;
};

// Of an experiment. The points outlive it.
SweepWork sweep_work(const Points& points);

// Every n-th point, from the i-th on; from 0.
struct Shard {
  std::uint64_t index = 0, of = 1;
};

struct SweepOptions {
  unsigned jobs = 1;
  Shard shard;
  std::optional<std::chrono::milliseconds> time_limit;  // of a run
  bool retry_failed = false;
  bool progress = false;
  std::vector<std::string> cluster_program;  // what hands runs to other machines, instead of workers of our own
};

// Returns when all runs are in the store, or when it is interrupted: then what was finished is. Throws
// std::runtime_error when the store cannot be written or the cluster cannot be reached.
void run_sweep(const SweepWork& work, Store& store, const SweepOptions& options);

// What another machine has to know to make runs of the sweep: see the verb `batch`.
Json batch_job(const Points& points, const Choices& choices, const SweepOptions& options);

// How a run ended for which there is no record, as its process died.
RunRecord crashed(const SweepWork& work, const Member& member, const std::string& reason);

// How many replications a point shall have, after those whose values of the metric are given; as many as there are:
// no more. The interval is Student's, and the answer is a function of the values alone, so that it is the same on every
// machine.
std::uint32_t replications_wanted(const Precision& precision, const std::vector<double>& values);

// "12 3": point and replication, as workers are told.
std::string to_text(const Member& member);
Member member_of(const std::string& text);

}  // namespace runner
