// The benchmarks of the engine, each beside its budget. Times are those of the host it runs on, of one CPU unless the
// name says wall time: never results, never tests.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace runner {

struct Benchmark {
  std::string name;
  double measured;
  std::string unit;
  std::optional<double> budget = std::nullopt;
  bool at_least = false;  // the budget is a lower limit
  std::string note = "";  // what exactly was measured, where the name does not say

  bool within_budget() const { return !budget || (at_least ? measured >= *budget : measured <= *budget); }
};

// Events per second through sim::EventQueue over those through a std::priority_queue that skips cancelled events when
// they come up. Hold model: 1000 pending; each event that runs schedules one, and 30 % of events are cancelled.
Benchmark bench_event_queue();

// Page-table entries per second that the core validates and writes in the modelled machine's memory, in batches of a
// guest's mmu_update, the entry into the hypervisor included.
std::vector<Benchmark> bench_page_table_updates();

// Requests per second through the modelled disk drive, caches off, one and 64 outstanding.
std::vector<Benchmark> bench_disk();

// Nanoseconds for a decision of each scheduler with 128 domains on a CPU. The note has the curve to 4096, and another
// one with the timers between the decisions: ticks, accounting.
std::vector<Benchmark> bench_schedulers();

// Points of the experiments of the paper in this process, time, events per second and the most memory it ever had; what
// eight times the domains cost; and whole experiments in two processes.
std::vector<Benchmark> bench_experiments();

// Sweeps: what they add to the time of their points, what a point costs in a store that grows, and their memory. Some
// minutes, so they are asked for by themselves.
std::vector<Benchmark> bench_sweeps();

}  // namespace runner
