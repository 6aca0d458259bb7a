// `ringzero sweep`, `draw`, `compare` as people run them: killed, interrupted, in shards, with points that fail.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <thread>

#include "sim/random.h"
#include "support/experiment_file.h"
#include "support/program.h"

using runner::Json;
using test::Ended;
using test::ringzero;
using test::text_of;

namespace {

// Short runs on bare hardware: a fraction of a millisecond of simulated time each.
Json short_runs(int points) {
  return Json{{"experiment", "short"},
              {"system", "native"},
              {"domains", Json::parse(R"([{"name": "c", "memory": "16 MiB", "programs": [{"compute": {}}]}])")},
              {"warmup", "0 s"},
              {"duration", "1 ms"},
              {"vary", {{"parameters.memory.line_refill", {{"from", 20.0}, {"to", 60.0}, {"count", points}}}}}};
}

// Starts the sweep in a process group of its own.
pid_t start(const std::vector<std::string>& words) {
  const pid_t process = fork();
  if (process != 0) return process;
  setpgid(0, 0);
  const int nowhere = open("/dev/null", O_RDWR);
  dup2(nowhere, STDOUT_FILENO);
  dup2(nowhere, STDERR_FILENO);
  std::vector<char*> pointers;
  for (const std::string& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
  pointers.push_back(nullptr);
  execv(pointers[0], pointers.data());
  _exit(127);
}

// With sanitizers a run takes some fifty times as long, so that a sweep of fewer is under way for longer still.
#ifdef NDEBUG
constexpr int kKilledPoints = 150, kInterruptedPoints = 5000;
#else
constexpr int kKilledPoints = 40, kInterruptedPoints = 500;
#endif

int rows(const std::string& text) { return static_cast<int>(std::ranges::count(text, '\n')); }

}  // namespace

TEST_CASE("a sweep leaves a store and results in the columns of a run; again, it has nothing to do") {
  const test::TemporaryFolder folder;
  Json json = short_runs(6);
  json["replications"] = 2;
  const std::string file = folder.write("short.json", json.dump()).string(), out = (folder.path() / "out").string();
  const Ended first = ringzero("sweep " + file + " -j 2 --out " + out);
  CHECK(first.status == 0);
  CHECK(first.out.find("short: 12 runs finished, 0 failed") != std::string::npos);
  const std::string dump = ringzero("store dump " + out + "/store.sqlite").out;
  CHECK(rows(dump) == 24);
  CHECK(ringzero("sweep " + file + " --out " + out).status == 0);
  CHECK(ringzero("store dump " + out + "/store.sqlite").out == dump);
  CHECK(ringzero("run " + file + " --out " + out + "/run").status == 0);
  CHECK(text_of(out + "/results.csv") == text_of(out + "/run/results.csv"));

  SUBCASE("a value more: only that one is run") {
    json["vary"]["parameters.memory.line_refill"] = {20.0, 28.0, 36.0, 44.0, 52.0, 60.0, 61.0};
    folder.write("short.json", json.dump());
    const Ended dry = ringzero("sweep " + file + " --dry-run --out " + out);
    CHECK(dry.status == 0);
    CHECK(dry.out.find("7 points: 12 runs finished, 2 to run") != std::string::npos);
    CHECK(dry.out.find("6\tparameters.memory.line_refill=61.0\t2 to run\n") != std::string::npos);
    CHECK(ringzero("sweep " + file + " --out " + out).status == 0);
    CHECK(rows(ringzero("store dump " + out + "/store.sqlite").out) == 28);
  }
  SUBCASE("another seed is another sweep") {
    CHECK(ringzero("sweep " + file + " --seed 9 --out " + out).status == 0);
    CHECK(rows(ringzero("store dump " + out + "/store.sqlite").out) == 36);
  }
}

TEST_CASE("a dry run writes nothing and says what the sweep would take") {
  const test::TemporaryFolder folder;
  const std::string file = folder.write("short.json", short_runs(5).dump()).string();
  const std::string out = (folder.path() / "out").string();
  const Ended dry = ringzero("sweep " + file + " --dry-run -j 2 --shard 2/2 --out " + out);
  CHECK(dry.status == 0);
  CHECK(dry.out.starts_with("1\tparameters.memory.line_refill=30.0\t1 to run\n3\t"));
  CHECK(dry.out.find("2 points of shard 2/2: 0 runs finished, 2 to run; ") != std::string::npos);
  CHECK(dry.out.find("as a sample takes") != std::string::npos);
  CHECK(!std::filesystem::exists(out));
}

TEST_CASE("killed ten times at random moments, the finished store is that of an undisturbed sweep") {
  const test::TemporaryFolder folder;
  const std::string file = folder.write("short.json", short_runs(kKilledPoints).dump()).string();
  const auto store = [&](const std::string& name) { return (folder.path() / name / "store.sqlite").string(); };
  REQUIRE(ringzero("sweep " + file + " -j 2 --out " + (folder.path() / "calm").string()).status == 0);
  sim::RandomStream random = sim::Random{static_cast<std::uint64_t>(getpid())}.stream("kills");
  const auto begin = std::chrono::steady_clock::now();
  int kills = 0;
  while (kills < 10) {
    const pid_t process =
        start({RINGZERO_BINARY, "sweep", file, "-j", "2", "--out", (folder.path() / "killed").string()});
    std::this_thread::sleep_for(std::chrono::milliseconds(random.uniform(5, 150)));
    kill(process, SIGKILL);  // the one that writes; its workers must end by themselves
    int status = 0;
    waitpid(process, &status, 0);
    ++kills;
    if (std::chrono::steady_clock::now() - begin > std::chrono::minutes(2)) break;
  }
  CHECK(kills == 10);
  CHECK(ringzero("sweep " + file + " -j 2 --out " + (folder.path() / "killed").string()).status == 0);
  const std::string calm = ringzero("store dump " + store("calm")).out;
  CHECK(rows(calm) == 2 * kKilledPoints);
  CHECK(ringzero("store dump " + store("killed")).out == calm);
}

TEST_CASE("an interrupted sweep keeps what was finished and ends with 130") {
  const test::TemporaryFolder folder;
  Json json = short_runs(kInterruptedPoints);
  json["duration"] = "2 ms";
  const std::string file = folder.write("short.json", json.dump()).string(), out = (folder.path() / "out").string();
  const pid_t process = start({RINGZERO_BINARY, "sweep", file, "-j", "2", "--out", out});
  // When it has begun to keep runs, which takes its time with sanitizers.
  for (int i = 0; i < 600 && rows(ringzero("store dump " + out + "/store.sqlite").out) == 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  kill(-process, SIGINT);  // as a terminal does: workers too
  int status = 0;
  waitpid(process, &status, 0);
  CHECK(WEXITSTATUS(status) == 130);
  const std::string dump = ringzero("store dump " + out + "/store.sqlite").out;
  CHECK(dump.find("signal") == std::string::npos);
  CHECK(rows(dump) < 2 * kInterruptedPoints);
  CHECK(ringzero("draw " + file + " --out " + out).status == 0);
}

TEST_CASE("a point that cannot be run fails with its reason, the others are kept, the status is 4") {
  const test::TemporaryFolder folder;
  Json json = short_runs(3);
  json["cases"] = Json::parse(R"([{"name": "good"}, {"name": "late", "set": {"until": "finished"}}])");
  const std::string file = folder.write("short.json", json.dump()).string(), out = (folder.path() / "out").string();
  const Ended ended = ringzero("sweep " + file + " -j 2 --out " + out);
  CHECK(ended.status == 4);
  CHECK(
      ended.error.find("point late/parameters.memory.line_refill=20.0, replication 0: the programs are not finished") !=
      std::string::npos);
  CHECK(ended.out.find("3 runs finished, 3 failed") != std::string::npos);
  CHECK(ringzero("sweep " + file + " --out " + out).status == 4);

  Json slow = short_runs(2);
  slow["vary"] = {{"duration", {"1 ms", "36000 s"}}};
  const std::string slow_file = folder.write("slow.json", slow.dump()).string();
  const Ended limited = ringzero("sweep " + slow_file + " --time-limit '2 s' --out " + out);
  CHECK(limited.status == 4);
  CHECK(limited.error.find("it took longer than 2000 ms") != std::string::npos);
  CHECK(limited.out.find("1 runs finished, 1 failed") != std::string::npos);
}

TEST_CASE("what is wrong with a sweep ends with 2, and nothing is written") {
  const test::TemporaryFolder folder;
  const std::string file = folder.write("short.json", short_runs(3).dump()).string();
  Json bad = short_runs(3);
  bad["vary"]["domains.c.memory"] = {"16 MiB", "16 TiB"};
  const std::string bad_file = folder.write("bad.json", bad.dump()).string(), out = (folder.path() / "out").string();
  for (const std::string& arguments :
       {bad_file, file + " --shard 0/2", file + " --shard 3/2", file + " --time-limit 0", file + " --set nothing=1"}) {
    CAPTURE(arguments);
    const Ended ended = ringzero("sweep " + arguments + " --out " + out);
    CHECK(ended.status == 2);
    CHECK(rows(ended.error) == 1);
    CHECK(!std::filesystem::exists(out));
  }
  CHECK(ringzero("draw " + file + " --out " + out).status == 2);
  CHECK(ringzero("store dump /nowhere").status == 2);
}

TEST_CASE("what is relative to another point is in a sweep's results as in a run's") {
  const test::TemporaryFolder folder;
  Json json = short_runs(2);
  json["cases"] = Json::parse(R"([{"name": "short"}, {"name": "long", "set": {"duration": "2 ms"}}])");
  json["normalise"] = {{"metric", "throughput"}, {"key", "parameters.memory.line_refill"}, {"at", 20.0}};
  json["losses"] = Json::parse(R"([{"metric": "throughput", "from": "long"}])");
  const std::string file = folder.write("short.json", json.dump()).string(), out = (folder.path() / "out").string();
  CHECK(ringzero("sweep " + file + " --out " + out).status == 0);
  CHECK(ringzero("run " + file + " --out " + out + "/run").status == 0);
  const std::string results = text_of(out + "/results.csv");
  CHECK(results.find("short,short/parameters.memory.line_refill=60.0,0,loss_throughput,") != std::string::npos);
  CHECK(results.find("short,long/parameters.memory.line_refill=60.0,0,relative_throughput,") != std::string::npos);
  CHECK(results == text_of(out + "/run/results.csv"));
}

TEST_CASE("a sweep of another version of a file is not merged silently") {
  const test::TemporaryFolder folder;
  const auto sweep = [&](const std::string& name, int points) {
    const std::string file = folder.write("short.json", short_runs(points).dump()).string();
    CHECK(ringzero("sweep " + file + " --store " + (folder.path() / name).string() + " --out " +
                   (folder.path() / "out").string())
              .status == 0);
    return (folder.path() / name).string();
  };
  const std::string three = sweep("three", 3), two = sweep("two", 2);
  const Ended merged = ringzero("store merge " + three + ' ' + two);
  CHECK(merged.status == 4);
  CHECK(merged.error ==
        two +
            ": sweep \"short\" is of another version of its file: its runs were taken over, its list of "
            "points was not\n");
  CHECK(rows(ringzero("store dump " + three).out) == 3 + 3);  // both of the two are among the three
}

TEST_CASE("shards are merged into the sweep as a whole") {
  const test::TemporaryFolder folder;
  const std::string file = folder.write("short.json", short_runs(7).dump()).string();
  const auto out = [&](const std::string& name) { return (folder.path() / name).string(); };
  CHECK(ringzero("sweep " + file + " --out " + out("whole")).status == 0);
  CHECK(ringzero("sweep " + file + " --shard 1/2 --out " + out("1")).status == 0);
  CHECK(ringzero("sweep " + file + " --shard 2/2 --out " + out("2")).status == 0);
  const std::string merged = out("merged") + "/store.sqlite";
  CHECK(ringzero("store merge " + merged + " " + out("1") + "/store.sqlite " + out("2") + "/store.sqlite").status == 0);
  CHECK(ringzero("store dump " + merged).out == ringzero("store dump " + out("whole") + "/store.sqlite").out);
  CHECK(ringzero("draw " + file + " --out " + out("merged")).status == 0);
  CHECK(text_of(out("merged") + "/results.csv") == text_of(out("whole") + "/results.csv"));
}

TEST_CASE("compare: a difference with its interval, from as many pairs as it takes") {
  const test::TemporaryFolder folder;
  Json json = test::small_experiment();
  json["duration"] = "100 ms";
  const std::string file = folder.write("small.json", json.dump()).string();
  const Json same = Json::parse(ringzero("compare " + file + " --metric throughput --json").out);
  CHECK(same["pairs"] == 3);
  CHECK(same["metrics"][0]["difference"] == 0.0);
  CHECK(same["metrics"][0]["ci_high"] == 0.0);

  const std::string slower = "compare " + file + " --set-b parameters.cpu.instruction=2500 --metric hypervisor_time ";
  const Json different = Json::parse(ringzero(slower + "--json --half-width '20 %'").out);
  CHECK(different["metrics"][0]["ci_low"].get<double>() > 0);
  CHECK(different["metrics"][0]["b"].get<double>() > different["metrics"][0]["a"].get<double>());
  const Ended table = ringzero(slower + "--least 2 --most 2");
  CHECK(table.out.find("B is more") != std::string::npos);
  CHECK(table.out.find("2 pairs of runs with the seeds 1 to 2") != std::string::npos);

  CHECK(ringzero("compare " + file + " --metric troughput").error.find("(did you mean \"throughput\"?)") !=
        std::string::npos);
  json["vary"] = {{"domains.compute.count", {1, 2}}};
  folder.write("small.json", json.dump());
  const Ended several = ringzero("compare " + file);
  CHECK(several.status == 2);
  CHECK(several.error.find("one of its 2 points") != std::string::npos);
  const Json points = Json::parse(ringzero("compare " + file +
                                           " --point-a domains.compute.count=1 --point-b domains.compute.count=2 "
                                           "--metric user_time --least 2 --most 2 --json")
                                      .out);
  CHECK(points["metrics"][0]["difference"].get<double>() > -100);
}

TEST_CASE("with `steady`, MSER-5 cuts the warm-up, and says how much") {
  const test::TemporaryFolder folder;
  Json json = test::small_experiment();
  json["warmup"] = "0 s";
  json["duration"] = "2 s";
  json["steady"] = {{"metric", "user_time"}, {"interval", "20 ms"}};
  json["show"] = {"warmup_cut", "steady", "user_time"};
  const std::string file = folder.write("small.json", json.dump()).string();
  const Json document = Json::parse(ringzero("run " + file + " --json").out);
  const auto value = [](const Json& result, const std::string& metric) {
    for (const Json& m : result["experiments"][0]["points"][0]["metrics"]) {
      if (m["metric"] == metric) return m["mean"].get<double>();
    }
    return -1.0;
  };
  const double cut = value(document, "warmup_cut");
  CHECK(cut >= 0);
  CHECK(cut < 1.0);
  CHECK(value(document, "steady") == 1);
  // The same time, cut off by hand, gives the same numbers.
  json.erase("steady");
  json["show"] = {"user_time"};
  json["warmup"] = std::to_string(static_cast<int>(cut * 1000 + 0.5)) + " ms";
  json["duration"] = std::to_string(2000 - static_cast<int>(cut * 1000 + 0.5)) + " ms";
  folder.write("small.json", json.dump());
  const Json by_hand = Json::parse(ringzero("run " + file + " --json").out);
  for (const char* metric : {"user_time", "throughput", "rtt_mean", "requests"}) {
    CAPTURE(metric);
    CHECK(value(document, metric) == value(by_hand, metric));
  }
}

TEST_CASE("diff: the first decision where two runs part, with the state on both sides") {
  const test::TemporaryFolder folder;
  Json json = test::small_experiment();
  json["duration"] = "100 ms";
  const std::string file = folder.write("small.json", json.dump()).string();
  const Ended same = ringzero("diff " + file);
  CHECK(same.status == 0);
  CHECK(same.out.find("decisions at the same times") != std::string::npos);

  const Ended parted = ringzero("diff " + file + " --set-b scheduler.context_switch_allowance='1 ms'");
  CHECK(parted.status == 0);
  CHECK(parted.out.find("not the same in everything is number ") != std::string::npos);
  const auto choice = parted.out.find("The first decision for another vCPU is number ");
  REQUIRE(choice != std::string::npos);
  const std::string states = parted.out.substr(choice);
  CHECK(states.find("\n  A at ") != std::string::npos);
  CHECK(states.find("\n  B at ") != std::string::npos);
  CHECK(states.find(" runs for at most ") != std::string::npos);
  CHECK(states.find("runnable") != std::string::npos);
  CHECK(states.find("compute1 ") != std::string::npos);
  CHECK(states.find("scheduler's numbers: ") != std::string::npos);

  json["system"] = "native";
  folder.write("small.json", json.dump());
  CHECK(ringzero("diff " + file).status == 2);
}
