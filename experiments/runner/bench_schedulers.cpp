// What a decision costs under each scheduler, from 1 to 4096 compute-bound domains on one CPU: the scheduler and the
// generic layer alone, driven by their own timers.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "experiments/runner/bench.h"
#include "schedule/registry.h"
#include "schedule/run_state.h"

namespace runner {

namespace {

using Clock = std::chrono::steady_clock;
using Nanoseconds = std::chrono::duration<double, std::nano>;

constexpr int kDomains[] = {1, 8, 32, 128, 512, 4096};
constexpr int kPaperDomains = 128;
constexpr double kBudgetNanoseconds = 200;
constexpr int kShortestBatch = 2000;  // decisions
constexpr int kBatches = 5;           // of which the fastest counts

// What a clock says of nothing.
double empty_interval() {
  Nanoseconds sum{};
  for (int i = 0; i < kShortestBatch; ++i) {
    const auto start = Clock::now();
    sum += Clock::now() - start;
  }
  return sum.count() / kShortestBatch;
}

class ComputingDomains {
 public:
  ComputingDomains(const char* name, const char* variant, int domains) : memory_(hv::scheduler_bytes()) {
    hv::Arena arena{memory_.data(), memory_.size()};
    states_ = std::make_unique<hv::RunStates>(*hv::make_scheduler(name, variant, {}, arena), 1, 0);
    for (int i = 0; i < domains; ++i) {
      hv::Vcpu& vcpu = vcpus_.emplace_back();
      states_->add(vcpu);
      states_->unpause(vcpu, 0);
    }
    states_->request_reschedule(0);
    run(2 * domains + 100, [this] { states_->choose(0, now_); });  // everybody has run
  }

  // For a decision, without the timers in between: ns.
  double decision(int decisions) {
    Nanoseconds sum{};
    run(decisions, [&] {
      const auto start = Clock::now();
      states_->choose(0, now_);
      sum += Clock::now() - start;
    });
    return sum.count() / decisions;
  }

  // With all timers, so that ticks, accounting and resets are in it by their share: ns.
  double with_timers(int decisions) {
    const auto start = Clock::now();
    run(decisions, [this] { states_->choose(0, now_); });
    return Nanoseconds{Clock::now() - start}.count() / decisions;
  }

 private:
  template <class Choose>
  void run(int decisions, Choose choose) {
    for (int made = 0; made < decisions;) {
      if (states_->reschedule_requested(0)) {
        choose();
        ++made;
        continue;
      }
      now_ = states_->next_timer(0);
      if (now_ == hv::kNever) states_->request_reschedule(0), now_ = 0;
      states_->run_timers(0, now_);
    }
  }

  std::vector<std::byte> memory_;
  std::unique_ptr<hv::RunStates> states_;
  std::deque<hv::Vcpu> vcpus_;
  hv::SystemTime now_ = 0;
};

template <class Measure>
double fastest(Measure measure) {
  double best = measure();
  for (int batch = 1; batch < kBatches; ++batch) best = std::min(best, measure());
  return best;
}

}  // namespace

std::vector<Benchmark> bench_schedulers() {
  std::vector<Benchmark> benchmarks;
  const double clock = fastest(empty_interval);
  for (hv::u32 i = 0; i < hv::scheduler_count(); ++i) {
    const hv::SchedulerEntry& entry = hv::scheduler_entry(i);
    for (hv::u32 v = 0; v < entry.variant_count; ++v) {
      std::string decisions = "domains: ns", all = "with ticks and accounts:";
      double at_paper = 0;
      for (const int domains : kDomains) {
        ComputingDomains host{entry.name, entry.variants[v].name, domains};
        const int batch = std::max(kShortestBatch, domains);
        const double decision = std::max(0.0, fastest([&] { return host.decision(batch); }) - clock);
        const double with_timers = fastest([&] { return host.with_timers(batch); });
        const char* separator = domains == kDomains[0] ? "" : ",";
        decisions += fmt::format("{} {}: {:.0f}", separator, domains, decision);
        all += fmt::format("{} {}: {:.0f}", separator, domains, with_timers);
        if (domains == kPaperDomains) at_paper = decision;
      }
      benchmarks.push_back(
          {fmt::format("decision of {} {}, {} domains", entry.name, entry.variants[v].name, kPaperDomains), at_paper,
           "ns", kBudgetNanoseconds, false, decisions + "; " + all});
    }
  }
  return benchmarks;
}

}  // namespace runner
