#include "experiments/runner/settings.h"

#include <doctest/doctest.h>

#include <set>

#include "experiments/runner/known_names.h"
#include "experiments/runner/parameters.h"
#include "experiments/runner/results.h"
#include "support/experiment_file.h"

using namespace runner;
using test::error_in;
using test::plan_of;
using test::small_experiment;

TEST_CASE("keys of a file go where they belong, and the others keep their defaults") {
  Json json = small_experiment();
  json["scheduler"] = {{"variant", "xen-2.0"}, {"context_switch_allowance", "50 ms"}};
  json["domains"][1]["cpu_weight"] = 512;
  json["domains"][1]["warp"] = {{"value", 1000}, {"limit", "2 ms"}};
  const Plan plan = plan_of(json);
  REQUIRE(plan.points.size() == 1);
  const Setup& setup = plan.points[0].setup;
  CHECK(setup.host.variant == "xen-2.0");
  CHECK(setup.host.context_switch_allowance == sim::Duration::milliseconds(50));
  CHECK(setup.host.tick == sim::Duration::milliseconds(10));
  CHECK(setup.machine == "dell2650");
  CHECK(setup.domains[1].weight == 512);
  CHECK(setup.domains[0].weight == 256);
  REQUIRE(setup.domains[1].warp.has_value());
  CHECK(setup.domains[1].warp->value == 1000);
  CHECK(setup.domains[1].warp->limit == sim::Duration::milliseconds(2));
  CHECK(setup.domains[1].memory_bytes == 32u << 20);
  REQUIRE(setup.domains[0].programs.size() == 1);
  CHECK(std::get<guest::ComputeSettings>(setup.domains[0].programs[0]).profile == "cint2000");
  CHECK(setup.host.clients[0].interval.mean == sim::Duration::milliseconds(10));
}

TEST_CASE("the command line overrides the file, cases and varied keys included") {
  Json json = small_experiment();
  json["cases"] = {{{"name", "slow"}, {"set", {{"scheduler.context_switch_allowance", "50 ms"}}}}};
  json["vary"] = {{"domains.compute.count", {1, 2, 3}}};
  const Plan plan = plan_of(json, {.set = {"scheduler.context_switch_allowance=7 ms", "domains.echo.memory=16 MiB"},
                                   .seed = 42,
                                   .replications = 5});
  REQUIRE(plan.points.size() == 3);
  CHECK(plan.points[0].name == "slow/domains.compute.count=1");
  CHECK(plan.points[2].setup.domains[0].count == 3);
  CHECK(plan.points[2].setup.domains[1].memory_bytes == 16u << 20);
  CHECK(plan.points[2].setup.host.context_switch_allowance == sim::Duration::milliseconds(7));
  CHECK(plan.experiment.seed == 42);
  CHECK(plan.experiment.replications == 5);
}

TEST_CASE("points are all cases with all combinations of the varied values, the last key fastest") {
  Json json = small_experiment();
  json["cases"] = {{{"name", "a"}}, {{"name", "b"}}};
  json["vary"] = {{"domains.0.count", {1, 2}}, {"clients.0.interval", {"1 ms", "2 ms"}}};
  const Plan plan = plan_of(json);
  REQUIRE(plan.points.size() == 8);
  CHECK(plan.points[0].name == "a/domains.0.count=1/clients.0.interval=1 ms");
  CHECK(plan.points[1].name == "a/domains.0.count=1/clients.0.interval=2 ms");
  CHECK(plan.points[2].name == "a/domains.0.count=2/clients.0.interval=1 ms");
  CHECK(plan.points[4].name == "b/domains.0.count=1/clients.0.interval=1 ms");
}

TEST_CASE("sensitivity makes a case of each end of each uncertain parameter's range, and one as the files are") {
  Json json = small_experiment();
  json["sensitivity"] = {"memory.line_refill", "tlb", "memory.line_refill"};
  const Plan plan = plan_of(json);
  REQUIRE(plan.points.size() == 9);
  const std::vector<std::string> names{"as in the files",  // then the whole key, once
                                       "memory.line_refill 27", "memory.line_refill 60", "tlb.walk 0",
                                       "tlb.walk 29",           "tlb.level 15",          "tlb.level 20",
                                       "tlb.bit_update 50",     "tlb.bit_update 1000"};
  for (std::size_t i = 0; i < names.size(); ++i) CHECK(plan.points[i].name == names[i]);
  CHECK(plan.points[0].setup.parameters.empty());
  REQUIRE(plan.points[4].setup.parameters.size() == 1);
  CHECK(plan.points[4].setup.parameters[0].key == "tlb.walk");
  CHECK(plan.points[4].setup.parameters[0].value == 29);
}

TEST_CASE("normalising divides by the point of the same case and the same other values") {
  Json json = small_experiment();
  json["cases"] = {{{"name", "a"}}, {{"name", "b"}}};
  json["vary"] = {{"domains.0.count", {1, 2}}, {"clients.0.interval", {"1 ms", "2 ms"}}};
  json["normalise"] = {{"metric", "throughput"}, {"key", "domains.0.count"}, {"at", 1}};
  const Plan plan = plan_of(json);
  CHECK(reference_point(plan, plan.points[7]).name == "b/domains.0.count=1/clients.0.interval=2 ms");
  CHECK(reference_point(plan, plan.points[0]).name == plan.points[0].name);
}

TEST_CASE("a loss is counted from the point of its case with the same other values, replication by replication") {
  Json json = small_experiment();
  json["cases"] = {{{"name", "crowd"}}, {{"name", "alone"}}, {{"name", "idle"}}};
  json["vary"] = {{"domains.0.count", {1, 2}}};
  json["losses"] = {{{"metric", "throughput"}, {"from", "alone"}}};
  ExperimentResult result{plan_of(json), {}};
  for (const double value : {0.9, 0.5, 1.0, 0.8, 0.0, 0.4}) {  // by case, then by number of domains
    PointResult& point = result.points.emplace_back(PointResult{.finished = true});
    for (const double factor : {1.0, 2.0}) {
      point.replications.push_back({.measurements = {{"throughput", factor * value, "CPUs"}}});
    }
  }
  result.points[2].replications[1].measurements[0].value = 1.5;
  result.points[5].finished = false;
  summarise_metrics(result);
  const auto losses = [&](std::size_t point) {
    for (const MetricResult& metric : result.points[point].metrics) {
      if (metric.metric == "loss_throughput") return metric.values;
    }
    return std::vector<double>{};
  };
  REQUIRE(losses(0).size() == 2);
  CHECK(losses(0)[0] == doctest::Approx(10));
  CHECK(losses(0)[1] == doctest::Approx(-20));  // 1.8 for 1.5
  CHECK(losses(1)[0] == doctest::Approx(37.5));
  CHECK(losses(2).empty());  // where it is counted from
  CHECK(losses(4)[0] == 100);
  CHECK(losses(5).empty());
  CHECK(error_in([&] {
          json["losses"][0]["from"] = "alnoe";
          return json;
        }())
            .find("(did you mean \"alone\"?)") != std::string::npos);
}

TEST_CASE("a loss is that of the cases that it names, and of all others if it names none") {
  Json json = small_experiment();
  json["cases"] = {{{"name", "alone.a"}}, {{"name", "crowd.a"}}, {{"name", "alone.b"}}, {{"name", "crowd.b"}}};
  json["losses"] = {{{"metric", "throughput"}, {"from", "alone.a"}, {"cases", {"crowd.a"}}},
                    {{"metric", "throughput"}, {"from", "alone.b"}, {"cases", {"crowd.b"}}}};
  ExperimentResult result{plan_of(json), {}};
  for (const double value : {1.0, 0.9, 0.5, 0.1}) {
    PointResult& point = result.points.emplace_back(PointResult{.finished = true});
    point.replications.push_back({.measurements = {{"throughput", value, "CPUs"}}});
  }
  summarise_metrics(result);
  std::vector<double> losses;
  for (const PointResult& point : result.points) {
    for (const MetricResult& metric : point.metrics) {
      if (metric.metric == "loss_throughput") losses.push_back(metric.mean);
    }
  }
  REQUIRE(losses.size() == 2);
  CHECK(losses[0] == doctest::Approx(10));
  CHECK(losses[1] == doctest::Approx(80));
  CHECK(error_in([&] {
          json["losses"][0]["cases"] = {"crwd.a"};
          return json;
        }())
            .find("(did you mean \"crowd.a\"?)") != std::string::npos);
}

TEST_CASE("a count stands for numbered domains, and every domain has its own seed-independent name") {
  const Plan plan = plan_of(small_experiment());
  const ModelFiles files{plan.points[0].setup};
  const guest::HostSpec spec = host_spec(plan.points[0].setup, files, 9);
  REQUIRE(spec.guests.size() == 3);
  CHECK(spec.guests[0].name == "compute1");
  CHECK(spec.guests[1].name == "compute2");
  CHECK(spec.guests[2].name == "echo");
  CHECK(spec.seed == 9);
  CHECK(spec.machine == &files.machine);
}

TEST_CASE("the resolved configuration is an experiment's set-up again, and resolves to itself") {
  Json json = small_experiment();
  json["domains"][1]["warp"] = {{"value", 1000}, {"limit", "2 ms"}};
  const Setup setup = plan_of(json).points[0].setup;
  const Json written = write_settings(setup);
  Setup again;
  read_settings(again, written, {"written", ""});
  CHECK(write_settings(again) == written);
  CHECK(written["scheduler"]["context_switch_allowance"] == "5 ms");
  CHECK(written["domains"][0]["memory"] == "32 MiB");
}

TEST_CASE("every setting is documented: a sentence and a source, and a path of its own") {
  std::set<std::string> paths;
  for (const Documentation& setting : documentation()) {
    CAPTURE(setting.path);
    CHECK(setting.text.size() > 10);
    CHECK(setting.text.back() == '.');
    CHECK(!setting.source.empty());
    CHECK(paths.insert(setting.path).second);
  }
  for (const char* path : {"scheduler.context_switch_allowance", "domains[].cpu_weight", "clients[].interval",
                           "domains[].programs[].compute.profile", "cases[].set", "ledger[].id"}) {
    CHECK_MESSAGE(paths.contains(path), path);
  }
}

TEST_CASE("explain finds a setting by its path or by the end of it") {
  CHECK(explain("scheduler.context_switch_allowance").at(0).standard == "5 ms");
  CHECK(explain("cpu_weight").at(0).path == "domains[].cpu_weight");
  CHECK(explain("domains.cpu_weight").at(0).path == "domains[].cpu_weight");
  CHECK(explain("cpu_weight").at(0).range == "from 1 to 65535");
  CHECK(explain("port").size() == 4);  // of a client, a receiver and two programs
  CHECK_THROWS_WITH_AS(explain("cpu_weigth"),
                       "explain: expected a setting, got \"cpu_weigth\" (did you mean \"cpu_weight\"?)", InputError);
}

TEST_CASE("the schema forbids unknown keys at every level and names every known one") {
  const Json all = schema();
  CHECK(all["additionalProperties"] == false);
  CHECK(all["properties"]["scheduler"]["additionalProperties"] == false);
  const Json& domain = all["properties"]["domains"]["items"];
  CHECK(domain["additionalProperties"] == false);
  CHECK(domain["properties"]["cpu_weight"]["maximum"] == 65535);
  CHECK(domain["properties"]["cpu_weight"]["default"] == 256);
  CHECK(domain["required"] == Json({"name", "memory"}));
  CHECK(all["properties"]["scheduler"]["properties"]["name"]["enum"] == Json(known_schedulers()));
}
