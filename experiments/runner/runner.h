// Runs the points of experiments and gathers what they measured.
#pragma once

#include <csignal>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "experiments/runner/metrics.h"
#include "experiments/runner/plan.h"
#include "experiments/traces/traces.h"
#include "sim/fingerprint.h"
#include "sim/time.h"
#include "workloads/activity_trace.h"

namespace runner {

// One run of one point.
struct Replication {
  std::uint64_t seed = 0;
  std::uint64_t fingerprint = 0;  // of the run up to the end of the measured time
  std::uint64_t events = 0;       // so far
  std::vector<Measurement> measurements;
  std::vector<std::int64_t> latencies_ns;  // each reply's, in the order of replies
  double host_seconds = 0;  // CPU time of the host that simulated it: in no result, for it is never the same twice
};

struct Failure {
  enum class Kind { input, invariant, error };
  Kind kind;
  std::string message;  // with the seed that shows it
};

struct MetricResult {
  std::string metric;
  std::string unit;
  std::vector<double> values;             // per replication
  double mean = 0;                        // of the values
  std::optional<double> ci_low, ci_high;  // 95 % confidence interval of the mean; from two replications on
};

struct PointResult {
  bool finished = false;  // all of its replications
  std::optional<Failure> failure;
  std::vector<Replication> replications;
  std::vector<MetricResult> metrics;  // the relative ones included
};

struct ExperimentResult {
  Plan plan;
  std::vector<PointResult> points;  // one per point of the plan
};

struct RunOptions {
  unsigned jobs = 1;
  std::optional<sim::Duration> check_every;  // audits the host so often, besides at the end
  bool progress = false;                     // on stderr
  std::string title;                         // of the progress
  std::vector<TraceRequest> traces;
  std::vector<guest::ActivityTrace*> activity_traces;  // besides theirs
};

// What to say of a broken invariant: the law, the seed that shows it, and what happened last.
std::string broken_invariant_message(const std::string& law, std::uint64_t seed,
                                     const std::vector<sim::Fingerprint::Event>& last_events);

// A run that has come to the end of its host's boot, in this process.
class StartedRun {
 public:
  // Throws guest::SpecError, and model::BrokenInvariant with the message above; so does finish().
  StartedRun(const Setup& setup, std::uint64_t seed, const RunOptions& options);
  ~StartedRun();
  StartedRun(const StartedRun&) = delete;
  StartedRun& operator=(const StartedRun&) = delete;

  // The rest of it, once, by a set-up with the same start_of() as that which it was started with.
  Replication finish(const Setup& setup);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

// Everything that a run depends on until its host is up: runs in which it is equal start alike, event for event.
std::string start_of(const Setup& setup, std::uint64_t seed);

// The whole of one run in this process. Throws what StartedRun does.
Replication run_once(const Setup& setup, std::uint64_t seed, const RunOptions& options);

// The same, whatever comes of it.
std::variant<Replication, Failure> try_run(const Setup& setup, std::uint64_t seed, const RunOptions& options);

// All points and replications of all plans, in parallel processes. Those that start alike boot one host, and go on from
// there in forks of its process. Interrupted, the finished points are in the result.
std::vector<ExperimentResult> run_plans(std::vector<Plan> plans, const RunOptions& options);

// True from the first SIGINT or SIGTERM after catch_interrupts() on.
bool interrupted();
const volatile std::sig_atomic_t& interrupt_flag();  // the same, for who waits
void catch_interrupts();

}  // namespace runner
