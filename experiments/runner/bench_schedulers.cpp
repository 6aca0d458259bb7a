// What a decision costs under each scheduler, from 1 to 4096 compute-bound domains on one CPU: the scheduler and the
// generic layer alone, driven by their own timers, so that ticks, accounting and resets are in it by their share.
#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <deque>
#include <vector>

#include "experiments/runner/bench.h"
#include "experiments/runner/stopwatch.h"
#include "schedule/registry.h"
#include "schedule/run_state.h"

namespace runner {

namespace {

constexpr int kDomains[] = {1, 8, 32, 128, 512, 4096};
constexpr int kPaperDomains = 128;
constexpr double kBudgetNanoseconds = 200;
constexpr double kShortestMeasurement = 0.005;  // s
constexpr int kRepetitions = 3;                 // of which the fastest counts

double nanoseconds_per_decision(const char* name, const char* variant, int domains) {
  std::vector<std::byte> memory(hv::scheduler_bytes());
  hv::Arena arena{memory.data(), memory.size()};
  hv::Scheduler* scheduler = hv::make_scheduler(name, variant, {}, arena);
  hv::RunStates states{*scheduler, 1, 0};
  std::deque<hv::Vcpu> vcpus(static_cast<std::size_t>(domains));
  for (hv::Vcpu& vcpu : vcpus) {
    states.add(vcpu);
    states.unpause(vcpu, 0);
  }
  hv::SystemTime now = 0;
  states.request_reschedule(0);
  const auto decide = [&](int decisions) {
    for (int made = 0; made < decisions;) {
      if (states.reschedule_requested(0)) {
        states.choose(0, now);
        ++made;
      } else {
        now = states.next_timer(0);
        if (now == hv::kNever) states.request_reschedule(0), now = 0;
        states.run_timers(0, now);
      }
    }
  };
  decide(2 * domains + 100);  // everybody has run
  double best = 1e9;
  for (int repetition = 0; repetition < kRepetitions; ++repetition) {
    const Stopwatch stopwatch;
    int decisions = 0;
    while (stopwatch.seconds() < kShortestMeasurement) {
      decide(domains);
      decisions += domains;
    }
    best = std::min(best, 1e9 * stopwatch.seconds() / decisions);
  }
  return best;
}

}  // namespace

std::vector<Benchmark> bench_schedulers() {
  std::vector<Benchmark> benchmarks;
  for (hv::u32 i = 0; i < hv::scheduler_count(); ++i) {
    const hv::SchedulerEntry& entry = hv::scheduler_entry(i);
    for (hv::u32 v = 0; v < entry.variant_count; ++v) {
      std::string curve = "domains: ns";
      double at_paper = 0;
      for (const int domains : kDomains) {
        const double cost = nanoseconds_per_decision(entry.name, entry.variants[v].name, domains);
        curve += fmt::format("{} {}: {:.0f}", domains == kDomains[0] ? ";" : ",", domains, cost);
        if (domains == kPaperDomains) at_paper = cost;
      }
      benchmarks.push_back(
          {fmt::format("decision of {} {}, {} domains", entry.name, entry.variants[v].name, kPaperDomains), at_paper,
           "ns", kBudgetNanoseconds, false, curve});
    }
  }
  return benchmarks;
}

}  // namespace runner
