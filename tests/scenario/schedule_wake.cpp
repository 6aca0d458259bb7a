// How long a domain that wakes waits behind four that compute, through scenarios as `ringzero schedule` runs them.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "experiments/runner/input_error.h"
#include "experiments/runner/schedule_scenario.h"

namespace {

// 1 ms of work every 10 ms, half of its share, from 1 s on, so that all virtual times have spread.
runner::ScheduleScenario four_hogs_and_one_io(const std::string& engine) {
  runner::ScheduleScenario scenario{.engine = engine, .duration = 4'000'000'000};
  for (int id = 1; id <= 4; ++id) scenario.domains.push_back({.id = id});
  scenario.domains.push_back({.id = 5,
                              .kind = runner::ScheduleKind::periodic,
                              .offset = 1'000'000'000,
                              .period = 10'000'000,
                              .work = 1'000'000});
  return scenario;
}

struct Waits {
  int arrivals = 0;
  std::int64_t longest = 0;  // ns from arrival to running
};

Waits waits_of_domain_5(const runner::ScheduleScenario& scenario) {
  std::stringstream csv;
  runner::run_schedule(scenario, csv);
  Waits waits;
  std::int64_t arrived = -1;
  std::string line;
  std::getline(csv, line);
  while (std::getline(csv, line)) {
    std::replace(line.begin(), line.end(), ',', ' ');
    std::istringstream row{line};
    std::int64_t sequence, time;
    std::string trigger, previous, next;
    row >> sequence >> time >> trigger >> previous >> next;
    if (trigger == "arrive:5") {
      ++waits.arrivals;
      arrived = time;
    } else if (next == "5" && arrived >= 0) {
      waits.longest = std::max(waits.longest, time - arrived);
      arrived = -1;
    }
  }
  return waits;
}

std::string error_of(const std::string& json) {
  const auto file = std::filesystem::temp_directory_path() / "ringzero-schedule-wake.json";
  std::ofstream{file} << json;
  try {
    runner::load_schedule(file);
  } catch (const runner::InputError& error) {
    return error.json_path() + ": " + error.message();
  }
  return "none";
}

}  // namespace

TEST_CASE("as intended and in Xen 2.0 a wake preempts at the wake instant, in Xen 1.0 within the allowances") {
  const Waits paper = waits_of_domain_5(four_hogs_and_one_io("bvt-paper"));
  CHECK(paper.arrivals == 300);
  CHECK(paper.longest == 0);
  CHECK(waits_of_domain_5(four_hogs_and_one_io("bvt20")).longest == 0);
  const Waits xen1 = waits_of_domain_5(four_hogs_and_one_io("bvt10"));
  CHECK(xen1.arrivals == 300);
  CHECK(xen1.longest > 4'000'000);
}

TEST_CASE("a scenario that is wrong is refused with its place, what was expected and the nearest name") {
  CHECK(error_of(R"({"engine": "bvt-papr", "duration_ns": 1, "domains": []})")
            .ends_with("or \"credit2\", got \"bvt-papr\" (did you mean \"bvt-paper\"?)"));
  CHECK(error_of(R"({"engine": "bvt10", "domains": []})") == ": expected the key \"duration_ns\", got none");
  CHECK(error_of(R"({"engine": "bvt10", "duration_ns": 1, "domains": [{"id": 1, "kind": "cpu", "mcu": 0}]})")
            .starts_with("/domains/0/mcu: expected a whole number from 1"));
  CHECK(error_of(R"({"engine": "bvt10", "duration_ns": 1, "domains": [{"id": 1, "kind": "think", "work": 5}]})")
            .starts_with("/domains/0: expected the key \"period\""));
  CHECK(error_of(R"({"engine": "bvt10", "duration_ns": 1, "domains": [{"id": 1, "kind": "cpu", "mcuu": 10}]})")
            .starts_with("/domains/0/mcuu: expected a known key"));
  CHECK(error_of(
            R"({"engine": "bvt10", "duration_ns": 1, "domains": [{"id": 1, "kind": "cpu"}, {"id": 1, "kind": "cpu"}]})")
            .starts_with("/domains/1/id: "));
}
