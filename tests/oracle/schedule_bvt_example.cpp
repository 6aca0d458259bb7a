// The worked example of BVT that lectures draw from the SOSP 1999 paper: gcc with weight 2 and bigsim with weight 1,
// a context-switch allowance of 2 units, virtual times and switch points read off the figure.
#include <doctest/doctest.h>

#include <cctype>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/schedule_host.h"

namespace {

constexpr hv::SystemTime kUnit = hv::kBvtMcu;  // one unit of the example: then its virtual units are ours

struct Example {
  std::map<hv::SystemTime, std::vector<hv::VirtualTime>> virtual_times;  // real time -> gcc, bigsim
  std::vector<hv::SystemTime> switch_points;
};

// "switch points 2,5,11,14,20,23; 27 is ..."
std::vector<hv::SystemTime> switch_points_of(const std::string& note) {
  std::vector<hv::SystemTime> points;
  for (std::size_t i = note.find_first_of("0123456789"); note[i] != ';'; ++i) {
    if (note[i] == ',') continue;
    std::size_t digits = 0;
    points.push_back(std::stoll(note.substr(i), &digits));
    i += digits - 1;
  }
  return points;
}

Example published_example() {
  std::ifstream file{RINGZERO_SOURCE_DIR "/results/published/published.json"};
  Example example;
  const std::string prefix = "bvt.ex.t";
  for (const auto& entry : nlohmann::json::parse(file)) {
    const auto id = entry.at("id").get<std::string>();
    if (!id.starts_with(prefix)) continue;
    REQUIRE(entry.at("role") == "oracle");
    example.virtual_times[std::stoll(id.substr(prefix.size()))] = entry.at("value").get<std::vector<hv::VirtualTime>>();
    example.switch_points = switch_points_of(entry.at("note").get<std::string>());
  }
  return example;
}

// As of its last decision the scheduler knows; since then the vCPU may have run on.
hv::VirtualTime virtual_time(const test::ScheduleHost& host, const hv::Vcpu& vcpu, hv::VirtualTime advance) {
  const hv::SystemTime running_for = host.states.running(vcpu) ? host.now - vcpu.run_since : 0;
  return host.avt(vcpu) + running_for / kUnit * advance;
}

}  // namespace

TEST_CASE("the published BVT example comes out: switch points 2, 5, 11, 14, 20, 23 and the virtual times there") {
  const Example example = published_example();
  REQUIRE(example.virtual_times.size() == 8);
  REQUIRE(example.switch_points == std::vector<hv::SystemTime>{2, 5, 11, 14, 20, 23});

  test::ScheduleHost host{hv::kBvtPaper, 2 * kUnit};
  auto& bigsim = host.add(20);  // 20 virtual units a real unit, divided by the weight
  auto& gcc = host.add(10);
  std::vector<hv::SystemTime> switches;
  const hv::Vcpu* last = nullptr;
  host.on_choice = [&](hv::CpuId cpu) {
    const hv::Vcpu* chosen = &host.states.current(cpu);
    if (last != nullptr && chosen != last) switches.push_back(host.now / kUnit);
    last = chosen;
  };
  host.states.wake(bigsim, 0);
  host.states.wake(gcc, 0);  // woken last: first of equals
  host.settle();
  CHECK(last == &gcc);

  for (const auto& at : example.virtual_times) {
    const hv::SystemTime time = at.first;
    const std::vector<hv::VirtualTime>& expected = at.second;
    host.run_until(time * kUnit);
    CAPTURE(time);
    CHECK(virtual_time(host, gcc, 10) == expected.at(0));
    CHECK(virtual_time(host, bigsim, 20) == expected.at(1));
  }
  CHECK(switches == example.switch_points);
}
