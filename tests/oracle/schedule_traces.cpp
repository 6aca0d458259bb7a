// The decisions of the historical schedulers' sources, recorded by running those sources unmodified, against the core's
// schedulers: every scenario, every row, every column. How they were recorded: scheduler-traces/README.md.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "experiments/runner/schedule_scenario.h"

namespace {

std::vector<std::filesystem::path> recorded_scenarios() {
  std::vector<std::filesystem::path> files;
  const std::filesystem::path folder = std::filesystem::path{RINGZERO_SOURCE_DIR} / "tests/oracle/scheduler-traces";
  for (const auto& entry : std::filesystem::directory_iterator{folder}) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(".json")) files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

}  // namespace

TEST_CASE("BVT, round robin, SEDF and Credit decide as Xen 1.0 to 3.1 did, row for row, in all 97 recorded scenarios") {
  const auto files = recorded_scenarios();
  REQUIRE(files.size() == 97);
  std::size_t rows = 0;
  std::set<std::string> engines;
  for (const auto& file : files) {
    const auto scenario = runner::load_schedule(file);
    engines.insert(scenario.engine);
    std::stringstream ours;
    runner::run_schedule(scenario, ours);

    std::ifstream recorded{std::filesystem::path{file}.replace_extension(".csv")};
    REQUIRE(recorded.is_open());
    std::string expected, got;
    for (std::size_t line = 1; std::getline(recorded, expected); ++line, ++rows) {
      const bool more = static_cast<bool>(std::getline(ours, got));
      INFO(file.filename().string() << " line " << line);
      REQUIRE(more);
      REQUIRE(got == expected);
    }
    INFO(file.filename().string());
    CHECK_FALSE(std::getline(ours, got));
  }
  CHECK(engines == std::set<std::string>{"bvt10", "bvt12", "bvt20", "credit303", "credit31", "rr20", "sedf303"});
  CHECK(rows == 86'376);  // 72 365 decisions, 7 670 arrivals, 6 244 ticks of Credit, 97 headings
}
