// Numbers of the model set by an experiment: which there are, what they may be, and that they arrive.
#include "experiments/runner/parameters.h"

#include <doctest/doctest.h>

#include "experiments/runner/results.h"
#include "experiments/runner/settings.h"
#include "support/experiment_file.h"
#include "workloads/profiles/profile.h"

using namespace runner;
using test::error_in;
using test::plan_of;
using test::small_experiment;

namespace {

Json with(const std::string& key, const Json& value) {
  Json json = small_experiment();
  json["parameters"][key] = value;
  return json;
}

}  // namespace

TEST_CASE("a parameter is a number in its entry's unit, or a quantity") {
  const sim::Duration in_file = load_machine("dell2650").memory.line_refill;
  for (const auto& [given, refill] : std::vector<std::pair<Json, sim::Duration>>{
           {60, sim::Duration::nanoseconds(60)},
           {44.5, sim::Duration::picoseconds(44'500)},
           {"30 ns", sim::Duration::nanoseconds(30)},
           {"0.1 us", sim::Duration::nanoseconds(100)},
           {0, sim::Duration{}},
       }) {
    const Json value = given;  // clang 14 captures no binding
    CAPTURE(value);
    CHECK(ModelFiles(plan_of(with("memory.line_refill", value)).points[0].setup).machine.memory.line_refill == refill);
  }
  CHECK(ModelFiles(plan_of(with("cpu.load_cr3", "300 cycles")).points[0].setup).machine.cpu.load_cr3 ==
        sim::Cycles{300});
  CHECK(ModelFiles(plan_of(with("memory.size", "3 GiB")).points[0].setup).machine.memory.size == 3ull << 30);
  CHECK(ModelFiles(plan_of(small_experiment()).points[0].setup).machine.memory.line_refill == in_file);
}

TEST_CASE("parameters of a profile reach the programs that have it") {
  const Setup setup = plan_of(with("cint2000.steady_insertions", 4'000'000)).points[0].setup;
  const ModelFiles files{setup};
  const guest::HostSpec spec = host_spec(setup, files, 1);
  const auto& compute = std::get<guest::ComputeSettings>(spec.guests[0].programs[0]);
  CHECK(guest::load_profile(compute.profile, compute.values).steady_insertions == 4'000'000);
  CHECK(guest::load_profile(compute.profile).steady_insertions == 1'000'000);
}

TEST_CASE("cases, varied keys and the command line set them, in this order") {
  Json json = with("memory.line_refill", 1);
  json["cases"] = {{{"name", "case"}, {"set", {{"parameters.memory.line_refill", 2}, {"parameters.tlb.walk", 3}}}}};
  json["vary"] = {{"parameters.memory.line_refill", {30, 44.5}}};
  const auto refill = [](const Plan& plan, std::size_t point) {
    return ModelFiles(plan.points[point].setup).machine.memory.line_refill.picoseconds();
  };
  const Plan plan = plan_of(json);
  REQUIRE(plan.points.size() == 2);
  CHECK(refill(plan, 0) == 30'000);
  CHECK(refill(plan, 1) == 44'500);
  CHECK(plan.points[1].name == "case/parameters.memory.line_refill=44.5");
  CHECK(ModelFiles(plan.points[1].setup).machine.tlb.cost.walk == sim::Cycles{3});
  CHECK(refill(plan_of(json, {.set = {"parameters.memory.line_refill=60"}}), 0) == 60'000);
}

TEST_CASE("an unknown parameter, a negative, a fraction, a wrong unit and an impossible value are refused") {
  CHECK(error_in(with("memory.line_refil", 60)) ==
        "small.json: at /parameters/memory.line_refil: expected a parameter of the model with machine dell2650, got "
        "\"memory.line_refil\" (did you mean \"memory.line_refill\"?)");
  CHECK(error_in(with("cint2000.steady_insertion", 60)).ends_with("(did you mean \"cint2000.steady_insertions\"?)"));
  CHECK(error_in(with("memory.line_refill", -1)) ==
        "small.json: at /parameters/memory.line_refill: expected a number that is not negative, in ns, got -1");
  CHECK(error_in(with("cpu.load_cr3", "fast")) ==
        "small.json: at /parameters/cpu.load_cr3: expected a number that is not negative, in cycles, got \"fast\"");
  CHECK(error_in(with("cpu.load_cr3", Json::array())).ends_with("in cycles, got []"));
  CHECK(error_in(with("memory.line_refill", "3 MiB")).starts_with("small.json: at /parameters/memory.line_refill: "));
  CHECK(error_in(with("cpu.load_cr3", 1.5)).find("whole number") != std::string::npos);
  CHECK(error_in(with("cint2000.hot_pages", 1.5)) ==
        "small.json: at /parameters/cint2000.hot_pages: expected a whole number, in pages, got 1.5");
  CHECK(error_in(with("cint2000.hot_pages", 100'000)).find("100000 is not within 0 .. 528") != std::string::npos);
  CHECK(error_in(with("cpu.clock", 0)).find("cpu.clock: expected more than 0") != std::string::npos);
  CHECK(error_in(small_experiment(), {.set = {"parameters.tlb.wakl=1"}})
            .starts_with("--set parameters.tlb.wakl=1: expected a parameter"));
}

TEST_CASE("they are part of the resolved configuration, which resolves to itself") {
  const Setup setup = plan_of(with("memory.line_refill", "60 ns")).points[0].setup;
  const Json written = write_settings(setup);
  CHECK(written["parameters"] == Json{{"memory.line_refill", "60 ns"}});
  Setup again;
  read_settings(again, written, {"written", ""});
  CHECK(write_settings(again) == written);
  CHECK(!write_settings(plan_of(small_experiment()).points[0].setup).contains("parameters"));
  CHECK(ModelFiles(setup).machine.hash() == load_machine("dell2650").hash());
}

TEST_CASE("more memory holds more domains") {
  Json json = small_experiment();
  json["domains"][0]["count"] = 90;
  CHECK(error_in(json) != "");
  json["parameters"]["memory.size"] = "3 GiB";
  CHECK(error_in(json) == "");
}

TEST_CASE("a slower refill of the cache costs throughput, and one that costs nothing leaves most of it") {
  const auto throughput = [](const Json& refill) {
    const Plan plan = plan_of(with("memory.line_refill", refill));
    const Replication run = run_once(plan.points[0].setup, 1, {});
    return run.measurements.at(0).value;
  };
  const double free = throughput(0), slow = throughput("200 ns");
  CAPTURE(free);
  CAPTURE(slow);
  CHECK(free > slow * 1.1);
}

TEST_CASE("explain knows them by their key, with or without \"parameters.\", value, range, origin and source") {
  for (const char* key : {"memory.line_refill", "parameters.memory.line_refill"}) {
    const auto found = explain(key);
    REQUIRE(found.size() == 1);
    CHECK(found[0].path == "parameters.memory.line_refill");
    CHECK(found[0].type == "a number of ns");
    CHECK(found[0].standard.ends_with(" ns"));
    CHECK(found[0].text.starts_with("Origin: "));
    CHECK(!found[0].source.empty());
  }
  CHECK(explain("cint2000.steady_insertions").at(0).range == "likely from 200000 to 4000000");
  CHECK_THROWS_WITH_AS(explain("memory.line_refil"),
                       "explain: expected a setting, got \"memory.line_refil\" (did you mean \"memory.line_refill\"?)",
                       InputError);
}

TEST_CASE("a broken invariant is told with its seed and the last events") {
  const std::vector<sim::Fingerprint::Event> events{{sim::Time::at(sim::Duration::nanoseconds(5)), 0x100, 7},
                                                    {sim::Time::at(sim::Duration::nanoseconds(6)), 0x101, 8}};
  CHECK(broken_invariant_message("frames are lost", 42, events) ==
        "frames are lost (seed 42)\n  last events, the newest last:\n  5000 ps, component 256, event 0x7\n"
        "  6000 ps, component 257, event 0x8");
}

TEST_CASE("a broken invariant decides the exit status, whatever else finished or failed") {
  std::vector<ExperimentResult> results(1);
  results[0].points.resize(3);
  results[0].points[0].finished = true;
  CHECK(exit_status(results) == 0);
  results[0].points[1].failure = Failure{Failure::Kind::error, "no memory"};
  CHECK(exit_status(results) == 4);
  results[0].points[2].failure = Failure{Failure::Kind::invariant, "frames are lost"};
  CHECK(exit_status(results) == 3);
}
