// One scheduler scenario, driven through the core's own scheduler on one CPU where deciding and switching cost nothing.
//
// It answers "whom does this policy run when?" without a machine or a guest, and in the format of the decisions
// recorded from the historical schedulers (tests/oracle/scheduler-traces), which the core is held against.
#pragma once

#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

namespace runner {

enum class ScheduleKind {
  cpu,       // runnable for ever
  periodic,  // every `period`, `work` more to do; blocks when all is done
  think,     // does `work`, blocks, is woken `period` after it blocked
};

// Times in ns. Without a warp limit or unwarp time the engine's own default holds.
struct ScheduleDomain {
  std::int64_t id = 0;
  ScheduleKind kind = ScheduleKind::cpu;
  std::int64_t offset = 0;
  std::int64_t period = 0;
  std::int64_t work = 0;
  std::uint32_t mcu_advance = 10;
  std::uint32_t warp = 0;  // virtual-time units; 0: off
  std::optional<std::int64_t> warp_limit;
  std::optional<std::int64_t> unwarp_time;
  std::uint32_t weight = 256;  // Credit, Credit2
  std::uint32_t cap = 0;       // percent of the CPU; 0: none
  // SEDF. Without any of the first three its defaults hold.
  std::optional<std::int64_t> slice_period;
  std::optional<std::int64_t> slice;
  std::optional<std::uint32_t> extra_weight;
  std::int64_t latency = 0;
  bool extra_time = true;
};

struct ScheduleScenario {
  std::string engine;
  std::int64_t duration = 0;
  std::int64_t context_switch_allowance = 5'000'000;
  std::int64_t tick = 0;  // timer event to every domain; 0: none
  std::vector<ScheduleDomain> domains;
};

std::vector<std::string> schedule_engines();

// Throws InputError. Keys of the recorded scenarios that sum up results are allowed and ignored, and so are parameters
// of a domain that the engine does not know.
ScheduleScenario load_schedule(const std::filesystem::path& file);

// Writes the rows as CSV: seq,t_ns,trigger,prev,next,slice_ns,s1..s4.
void run_schedule(const ScheduleScenario& scenario, std::ostream& csv);

}  // namespace runner
