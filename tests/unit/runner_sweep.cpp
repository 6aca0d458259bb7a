// Sweeps from the inside: which points there are, what a worker pool does with requests, what a store keeps.
#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <set>

#include "experiments/runner/processes.h"
#include "experiments/runner/sweep/identity.h"
#include "experiments/runner/sweep/sweep.h"
#include "support/experiment_file.h"

using runner::Json;
using runner::Member;
using runner::RunRecord;
using test::error_in;
using test::plan_of;
using test::small_experiment;

namespace {

std::vector<std::string> values_of(const std::string& key, const Json& axis) {
  Json json = small_experiment();
  json["vary"] = {{key, axis}};
  std::vector<std::string> values;
  for (const runner::Point& point : plan_of(json).points) values.push_back(runner::plain_text(point.values[0].second));
  return values;
}

std::string error_of_axis(const std::string& key, const Json& axis) {
  Json json = small_experiment();
  json["vary"] = {{key, axis}};
  return error_in(json);
}

const std::string kAllowance = "scheduler.context_switch_allowance";
using Texts = std::vector<std::string>;
constexpr std::sig_atomic_t kGoOn = 0;

// Points that need no simulation: the value of point n, replication r is 100 n + r.
runner::SweepWork numbers(std::uint64_t points, std::uint32_t replications = 1) {
  runner::SweepWork work{.name = "numbers", .document = "{}", .points = points, .replications = replications};
  work.describe = [](const Member& member) {
    RunRecord record;
    record.point = "point " + std::to_string(member.point);
    record.values = Json{{"n", member.point}}.dump();
    record.seed = 1 + member.replication;
    record.key = runner::run_key(runner::digest({}, record.point), record.seed);
    return record;
  };
  work.run = [describe = work.describe](const Member& member) {
    RunRecord record = describe(member);
    record.measurements = runner::measurements_text(
        {{"throughput", 100.0 * static_cast<double>(member.point) + member.replication, "CPUs"}});
    return record;
  };
  return work;
}

std::string dump(const std::filesystem::path& store) {
  std::string text;
  runner::dump_store(store, [&](const std::string& line) { text += line + '\n'; });
  return text;
}

}  // namespace

TEST_CASE("a range is equal steps or equal factors between its ends, in round numbers") {
  CHECK(values_of(kAllowance, {{"from", "5 ms"}, {"to", "50 ms"}, {"count", 4}}) ==
        Texts{"5 ms", "20 ms", "35 ms", "50 ms"});
  CHECK(values_of(kAllowance, {{"from", "100 us"}, {"to", "100 ms"}, {"count", 4}, {"scale", "log"}}) ==
        Texts{"100 us", "1 ms", "10 ms", "100 ms"});
  CHECK(values_of("domains.compute.count", {{"from", 1}, {"to", 8}, {"step", 2}, {"scale", "log"}}) ==
        Texts{"1", "2", "4", "8"});
  CHECK(values_of("domains.compute.count", {{"from", 1}, {"to", 8}, {"step", 3}}) == Texts{"1", "4", "7"});
  CHECK(values_of("domains.compute.count", {{"from", 1}, {"to", 3}, {"count", 9}}) == Texts{"1", "2", "3"});
  CHECK(values_of("parameters.memory.line_refill", {{"from", 27}, {"to", 28}, {"count", 3}, {"whole", false}}) ==
        Texts{"27.0", "27.5", "28.0"});
  CHECK(values_of("parameters.memory.line_refill", {{"from", 27}, {"to", 60}, {"count", 2}}) == Texts{"27", "60"});
}

TEST_CASE("a parameter without ends has its entry's range") {
  const Texts values = values_of("parameters.memory.line_refill", {{"count", 3}});
  REQUIRE(values.size() == 3);
  CHECK(std::stod(values[0]) < std::stod(values[1]));
  CHECK(std::stod(values[1]) < std::stod(values[2]));
}

TEST_CASE("what is wrong with a range is told where it is written") {
  CHECK(error_of_axis(kAllowance, {{"from", "5 ms"}, {"to", "50 ms"}}).find("either a \"count\" or a \"step\"") !=
        std::string::npos);
  CHECK(error_of_axis(kAllowance, {{"from", "5 ms"}, {"to", 50}, {"count", 2}}).find("context_switch_allowance/to") !=
        std::string::npos);
  CHECK(error_of_axis(kAllowance, {{"from", "5 ms"}, {"to", "1 ms"}, {"count", 2}}).find("more than \"from\"") !=
        std::string::npos);
  CHECK(error_of_axis("cpus", {{"from", 0}, {"to", 2}, {"count", 2}, {"scale", "log"}}).find("log scale") !=
        std::string::npos);
  CHECK(error_of_axis(kAllowance, {{"form", "5 ms"}}).find("(did you mean \"from\"?)") != std::string::npos);
  CHECK(error_of_axis("parameters.memory.line_refil", {{"count", 2}}).find("(did you mean \"memory.line_refill\"?)") !=
        std::string::npos);
  CHECK(error_of_axis(kAllowance, {{"count", 2}}).find("\"from\" and \"to\"") != std::string::npos);
}

TEST_CASE("a Latin hypercube has one value in each part of each range, and a key's values are its own") {
  Json json = small_experiment();
  const Json refill = {{"from", 20.0}, {"to", 60.0}},
             allowance = {{"from", "1 ms"}, {"to", "100 ms"}, {"scale", "log"}};
  json["sample"] = {{"count", 40}, {"keys", {{"parameters.memory.line_refill", refill}, {kAllowance, allowance}}}};
  const runner::Plan plan = plan_of(json);
  REQUIRE(plan.points.size() == 40);
  CHECK(plan.points[0].name == "sample 1");
  std::set<int> parts, parts_of_allowance;
  std::vector<Json> refills;
  for (const runner::Point& point : plan.points) {
    refills.push_back(point.values[0].second);
    parts.insert(static_cast<int>(std::floor(point.values[0].second.get<double>() - 20.0)));
    const double ms = static_cast<double>(point.setup.host.context_switch_allowance.picoseconds()) * 1e-9;
    parts_of_allowance.insert(static_cast<int>(std::floor(std::log10(ms) * 20 + 1e-9)));
  }
  CHECK(parts.size() == 40);
  CHECK(parts_of_allowance.size() >= 39);  // one may have been rounded over an edge

  json["sample"]["keys"]["parameters.tlb.walk"] = Json{{"from", 0}, {"to", 29}};
  json["sample"]["keys"]["cpus"] = {1, 2};
  const runner::Plan more = plan_of(json);
  int with_two_cpus = 0;
  for (std::size_t i = 0; i < 40; ++i) {
    CHECK(more.points[i].values[0].second == refills[i]);
    with_two_cpus += more.points[i].setup.host.cpus == 2 ? 1 : 0;
  }
  CHECK(with_two_cpus == 20);
}

TEST_CASE("every combination of cases and varied keys has its random points, and a point's number tells which") {
  Json json = small_experiment();
  json["cases"] = Json::parse(R"([{"name": "a"}, {"name": "b", "set": {"cpus": 2}}])");
  json["vary"] = {{"domains.compute.count", {1, 2, 3}}};
  json["sample"] = {{"count", 4}, {"keys", {{"parameters.tlb.walk", {{"from", 0}, {"to", 29}}}}}};
  json["normalise"] = {{"metric", "throughput"}, {"key", "domains.compute.count"}, {"at", 2}};
  const test::TemporaryFolder folder;
  const runner::Points points{folder.write("x.json", json.dump()), {}};
  REQUIRE(points.count() == 24);
  CHECK(points.outline(0).name == "a/domains.compute.count=1/sample 1");
  CHECK(points.outline(23).name == "b/domains.compute.count=3/sample 4");
  CHECK(points.at(23).setup.host.cpus == 2);
  CHECK(points.outline(points.reference(23)).name == "b/domains.compute.count=2/sample 4");
  CHECK(points.reference(0) == 4);
}

TEST_CASE("a sweep of a million points is checked by a few of them") {
  Json json = small_experiment();
  json["vary"] = Json{{"parameters.tlb.walk", {{"from", 0.0}, {"to", 29.0}, {"count", 1000}}},
                      {"parameters.memory.line_refill", {{"from", 20.0}, {"to", 60.0}, {"count", 1000}}}};
  const test::TemporaryFolder folder;
  const runner::Points points{folder.write("x.json", json.dump()), {}};
  CHECK(points.count() == 1'000'000);
  CHECK(points.few_of_each(1000).size() == 1000);
  CHECK(points.few_of_each(10).size() == 10);
  CHECK(points.few_of_each(10).back() == 999'999);
  CHECK(points.outline(999'999).values[1].second == 60.0);
}

TEST_CASE("pictures may only show what there is") {
  Json json = small_experiment();
  json["vary"] = {{"domains.compute.count", {1, 2}}};
  const auto with = [&](const Json& picture) {
    json["pictures"] = Json::array({picture});
    return error_in(json);
  };
  const Json good = {{"name", "p"}, {"kind", "line"}, {"x", "domains.compute.count"}, {"y", "throughput"}};
  CHECK(with(good) == "");
  Json typo = good;
  typo["y"] = "troughput";
  CHECK(with(typo).find("/pictures/0/y: expected a metric") != std::string::npos);
  CHECK(with(typo).find("(did you mean \"throughput\"?)") != std::string::npos);
  Json heat = good;
  heat["kind"] = "heat";
  CHECK(with(heat).find("/pictures/0/y") != std::string::npos);
}

TEST_CASE("workers serve many requests each, in any number") {
  for (const unsigned parallel : {1u, 3u}) {
    for (const bool renew : {false, true}) {
      CAPTURE(parallel);
      CAPTURE(renew);
      int next = 0;
      std::set<std::string> processes, answers;
      runner::Work work;
      work.next = [&]() -> std::optional<std::string> {
        return next < 40 ? std::optional{std::to_string(next++)} : std::nullopt;
      };
      work.serve = [](const std::string& request) { return request + ' ' + std::to_string(getpid()); };
      work.finished = [&](const std::string& request, const runner::JobResult& result) {
        CHECK(result.output.starts_with(request + ' '));
        answers.insert(request);
        processes.insert(result.output.substr(request.size()));
      };
      runner::run_pool({.parallel = parallel, .ahead = 4, .renew = renew}, work, kGoOn);
      CHECK(answers.size() == 40);
      CHECK(processes.size() == (renew ? 40 : parallel));
    }
  }
}

TEST_CASE("a request that kills its worker, or takes too long, is lost alone") {
  int next = 0;
  std::vector<std::string> done, crashed;
  runner::Work work;
  work.next = [&]() -> std::optional<std::string> {
    return next < 30 ? std::optional{std::to_string(next++)} : std::nullopt;
  };
  work.serve = [](const std::string& request) -> std::string {
    if (request == "7") std::raise(SIGKILL);
    if (request == "11") _exit(9);
    if (request == "20") pause();
    return std::string(request == "25" ? 1'000'000 : 10, 'x');  // more than a pipe holds
  };
  work.finished = [&](const std::string& request, const runner::JobResult& result) {
    const bool ok = result.state == runner::JobResult::State::done;
    (ok ? done : crashed).push_back(ok ? request : request + ": " + result.output);
  };
  runner::run_pool({.parallel = 2, .ahead = 8, .time_limit = std::chrono::milliseconds{400}}, work, kGoOn);
  CHECK(done.size() == 27);
  std::ranges::sort(crashed);
  CHECK(crashed == Texts{"11: its process ended with status 9", "20: it took longer than 400 ms",
                         "7: its process was ended by signal 9"});
}

TEST_CASE("a sweep runs what the store lacks, and nothing twice") {
  const test::TemporaryFolder folder;
  const auto path = folder.path() / "store.sqlite";
  runner::SweepWork work = numbers(20, 3);
  {
    runner::Store store{path};
    runner::run_sweep(work, store, {.jobs = 2, .shard = {1, 3}});
    CHECK(store.members(false).size() == 7 * 3);
    runner::run_sweep(work, store, {.jobs = 2});
    CHECK(store.members(false).size() == 60);
    CHECK(store.runs_of(19)[2].measurements == R"([["throughput",1902.0,"CPUs"]])");
  }
  const std::string before = dump(path);
  work.run = [](const Member&) -> RunRecord { std::abort(); };  // whoever runs something now dies
  {
    runner::Store store{path};
    runner::run_sweep(work, store, {.jobs = 2});
    CHECK(dump(path) == before);
    work.document = R"({"another": "title"})";  // the same points under another document are known by their keys
    runner::run_sweep(work, store, {.jobs = 2});
  }
  CHECK(dump(path) == before);
}

TEST_CASE("shards in stores of their own are merged into the store of the whole") {
  const test::TemporaryFolder folder;
  const runner::SweepWork work = numbers(11, 2);
  for (const std::uint64_t shard : {0, 1, 2}) {
    runner::Store store{folder.path() / std::to_string(shard)};
    runner::run_sweep(work, store, {.jobs = 1, .shard = {shard, 2}});
  }
  {
    runner::Store whole{folder.path() / "whole"}, merged{folder.path() / "merged"};
    runner::run_sweep(work, whole, {.jobs = 2});
    for (const char* shard : {"1", "0", "1"}) merged.merge(folder.path() / shard);
  }
  CHECK(dump(folder.path() / "merged") == dump(folder.path() / "whole"));
  CHECK(dump(folder.path() / "whole") != dump(folder.path() / "0"));
}

TEST_CASE("one process writes a store") {
  const test::TemporaryFolder folder;
  const auto path = folder.path() / "store.sqlite";
  const runner::Store store{path};
  std::string message;
  runner::Work work;
  bool asked = false;
  work.next = [&]() -> std::optional<std::string> {
    return std::exchange(asked, true) ? std::nullopt : std::optional{"x"};
  };
  work.serve = [&](const std::string&) -> std::string {
    try {
      const runner::Store second{path};
      return "opened";
    } catch (const runner::InputError& error) {
      return error.what();
    }
  };
  work.finished = [&](const std::string&, const runner::JobResult& result) { message = result.output; };
  runner::run_pool({}, work, kGoOn);
  CHECK(message.find("that process " + std::to_string(getpid()) + " writes") != std::string::npos);
  CHECK_THROWS_AS(runner::Store{folder.write("text", "this is no database, but long enough to look like one")},
                  runner::InputError);
}

TEST_CASE("a poison point is recorded with its reason, stays so, and can be tried again") {
  const test::TemporaryFolder folder;
  runner::SweepWork work = numbers(5);
  const auto good = work.run;
  work.run = [&](const Member& member) {
    if (member.point == 3) std::raise(SIGKILL);
    return good(member);
  };
  runner::Store store{folder.path() / "store.sqlite"};
  for (int time = 0; time < 2; ++time) {
    runner::run_sweep(work, store, {.jobs = 2});
    CHECK(store.members(false).size() == 5);
    const RunRecord poison = store.runs_of(3).at(0);
    CHECK(poison.state == RunRecord::State::failed);
    CHECK(poison.reason.find("signal") != std::string::npos);
    CHECK(poison.point == "point 3");
  }
  work.run = good;
  runner::run_sweep(work, store, {.jobs = 2, .retry_failed = true});
  CHECK(store.runs_of(3).at(0).state == RunRecord::State::done);
}

TEST_CASE("replications stop when the interval is narrow enough, and their number follows from the values") {
  const runner::Precision precision{.metric = "throughput", .half_width = 20'000, .most = 50};
  CHECK(runner::replications_wanted(precision, {10}) == 2);
  CHECK(runner::replications_wanted(precision, {10, 10.01, 9.99}) == 3);  // +- 0.25 %
  CHECK(runner::replications_wanted(precision, {10, 12, 8}) == 6);        // +- 50 %: twice as many at most
  // n = 5, s = 0.2, t = 2.776: +- 2.48 % of 10, so 5 x 1.24^2 = 7.7
  CHECK(runner::replications_wanted(precision, {9.8, 10.2, 9.8, 10.2, 10}) == 8);
  CHECK(runner::replications_wanted({.metric = "", .most = 4}, {10, 12, 8, 11}) == 4);
  CHECK(runner::replications_wanted(precision, {0, 0, 0}) == 3);

  const test::TemporaryFolder folder;
  runner::SweepWork work = numbers(3, 3);  // 0, 1, 2 .. is wide; 100, 101, 102 and 200, 201, 202 are +- 2.5 and 1.2 %
  work.precision = runner::Precision{.metric = "throughput", .half_width = 20'000, .most = 7};
  std::string first;
  for (const unsigned jobs : {1u, 3u}) {
    const auto path = folder.path() / std::to_string(jobs);
    {
      runner::Store store{path};
      runner::run_sweep(work, store, {.jobs = jobs});
      CHECK(store.runs_of(0).size() == 7);
      CHECK(store.runs_of(1).size() == 5);
      CHECK(store.runs_of(2).size() == 3);
    }
    if (first.empty()) first = dump(path);
    CHECK(dump(path) == first);
  }
}

TEST_CASE("a run's key depends on its configuration and its seed, not on how they were written") {
  Json json = small_experiment();
  json["vary"] = {{"domains.compute.memory", {"32 MiB", "32768 KiB", "33 MiB"}}};
  const runner::Plan plan = plan_of(json);
  const auto key = [&](std::size_t point) { return runner::point_key(plan.points[point].setup); };
  CHECK(key(0) == key(1));
  CHECK(key(0) != key(2));
  CHECK(runner::run_key(key(0), 1) != runner::run_key(key(0), 2));
  CHECK(runner::hex(key(0)).size() == 32);
}
