// The command line as scripts see it: exit status, what is on stdout, what is written.
#include <doctest/doctest.h>

#include "support/experiment_file.h"
#include "support/program.h"

using runner::Json;
using test::Ended;
using test::ringzero;
using test::text_of;

TEST_CASE("bad usage ends with 2 and says what is known") {
  CHECK(ringzero("").status == 2);
  const Ended typo = ringzero("validat x.json");
  CHECK(typo.status == 2);
  CHECK(typo.error.find("(did you mean \"validate\"?)") != std::string::npos);
  CHECK(ringzero("run").status == 2);
  CHECK(ringzero("run x.json --no-such-option").status == 2);
  CHECK(ringzero("run x.json --seed minus-one").status == 2);
  CHECK(ringzero("--help").status == 0);
  CHECK(ringzero("run --help").status == 0);
}

TEST_CASE("verbs that only describe end with 0") {
  CHECK(ringzero("version").out.starts_with("ringzero 0."));
  CHECK(Json::parse(ringzero("schema").out)["title"] == "Ringzero experiment");
  CHECK(ringzero("list").out.find("experiments/paper/fig6.json") != std::string::npos);
  CHECK(ringzero("explain cpu_weight").out.find("default: 256") != std::string::npos);
  CHECK(ringzero("explain nonsense").status == 2);
  CHECK(ringzero("explain memory.line_refill").out.find("Origin: ") != std::string::npos);
  CHECK(ringzero("list").out.find("cint2000.steady_insertions") != std::string::npos);
}

TEST_CASE("bad input ends with 2, one line on stderr, nothing on stdout, nothing written") {
  const test::TemporaryFolder folder;
  Json json = test::small_experiment();
  json["domains"][0]["cpu_weigth"] = 1;
  const std::string file = folder.write("bad.json", json.dump()).string();
  const std::string out = (folder.path() / "results").string();
  for (const std::string& verb :
       std::vector<std::string>{"run " + file + " --out " + out, "validate " + file, "run /nowhere.json --out " + out,
                                "schedule /nowhere.json", "paper no-such-id"}) {
    CAPTURE(verb);
    const Ended ended = ringzero(verb);
    CHECK(ended.status == 2);
    CHECK(ended.out == "");
    CHECK(std::ranges::count(ended.error, '\n') == 1);
    CHECK(!std::filesystem::exists(out));
  }
}

TEST_CASE("bad input leaves nothing behind, in the folder of the experiment or where it was called") {
  const test::TemporaryFolder folder;
  Json unknown = test::small_experiment();
  unknown["parameters"]["memory.line_refil"] = 1;
  Json late = test::small_experiment();  // only one of the points is wrong
  late["vary"] = {{"domains.compute.count", {1, 2, 1000}}};
  folder.write("unknown.json", unknown.dump());
  folder.write("late.json", late.dump());
  folder.write("broken.json", "{");
  for (const std::string file : {"unknown.json", "late.json", "broken.json", "missing.json"}) {
    CAPTURE(file);
    const Ended ended = ringzero("run " + file + " --out results", "cd " + folder.path().string() + " && ");
    CHECK(ended.status == 2);
    CHECK(ended.error.find(file) != std::string::npos);
  }
  std::vector<std::string> left;
  for (const auto& entry : std::filesystem::recursive_directory_iterator{folder.path()}) {
    left.push_back(entry.path().filename().string());
  }
  std::ranges::sort(left);
  CHECK(left == std::vector<std::string>{"broken.json", "late.json", "unknown.json"});
}

TEST_CASE("a run leaves the traces that it was asked for, one that is refused leaves none") {
  const test::TemporaryFolder folder;
  Json json = test::small_experiment();
  const std::string good = folder.write("good.json", json.dump()).string();
  json["domains"][0]["memory"] = "2 MiB";  // only the host, when it is built, finds that this is too little
  const std::string bad = folder.write("bad.json", json.dump()).string();
  const std::string trace = (folder.path() / "trace-{run}").string();
  const std::string first = (folder.path() / "trace-0").string(), second = (folder.path() / "trace-1").string();
  CHECK(ringzero("run " + bad + " --trace pcap=" + trace).status == 2);
  CHECK(!std::filesystem::exists(first));
  CHECK(ringzero("run " + good + " --replications 2 --trace pcap=" + trace).status == 0);
  CHECK(text_of(first).starts_with("\x0a\x0d\x0d\x0a"));
  CHECK(text_of(second).starts_with("\x0a\x0d\x0d\x0a"));

  const Ended one_file = ringzero("run " + good + " --replications 2 --trace pcap=" + first);
  CHECK(one_file.status == 2);
  CHECK(one_file.error.find("{run}") != std::string::npos);
  const Ended typo = ringzero("run " + good + " --trace pacp=" + first);
  CHECK(typo.status == 2);
  CHECK(typo.error.find("(did you mean \"pcap\"?)") != std::string::npos);
  CHECK(ringzero("list").out.find("blktrace=PREFIX") != std::string::npos);
}

TEST_CASE("fingerprints are the same with one process and with two") {
  const test::TemporaryFolder folder;
  Json json = test::small_experiment();
  json["vary"] = {{"parameters.cpu.instruction", {1200, 2500}}};
  json["replications"] = 2;
  const std::string file = folder.write("small.json", json.dump()).string();
  const auto fingerprints = [&](const std::string& jobs) {
    std::vector<std::string> all;
    const Json document = Json::parse(ringzero("run " + file + " --json -j " + jobs).out);
    for (const Json& point : document["experiments"][0]["points"]) {
      for (const Json& replication : point["replications"]) {
        all.push_back(replication["fingerprint"].get<std::string>());
      }
    }
    return all;
  };
  const auto one = fingerprints("1");
  REQUIRE(one.size() == 4);
  CHECK(one[0] != one[2]);  // the parameter made a difference
  CHECK(fingerprints("2") == one);
}

TEST_CASE("a run leaves a table, the same numbers as CSV and JSON, and what replays it") {
  const test::TemporaryFolder folder;
  Json json = test::small_experiment();
  json["replications"] = 2;
  const std::string file = folder.write("small.json", json.dump()).string();
  const std::string out = (folder.path() / "results").string();
  const Ended first = ringzero("run " + file + " --json --check-every '10 ms' --out " + out);
  REQUIRE(first.status == 0);
  const Json document = Json::parse(first.out);
  const Json& point = document["experiments"][0]["points"][0];
  CHECK(point["finished"] == true);
  CHECK(point["replications"].size() == 2);
  CHECK(point["configuration"]["scheduler"]["name"] == "bvt");
  CHECK(point["machine_hash"].get<std::string>().size() == 16);
  CHECK(text_of(out + "/result.json") == first.out);
  CHECK(text_of(out + "/results.csv")
            .starts_with("experiment,point,replication,metric,value,unit\nsmall,all,0,throughput,"));

  SUBCASE("again, it is the same to the byte, whatever -j") {
    CHECK(ringzero("run " + file + " --json -j 1").out == first.out);
    CHECK(ringzero("run " + file + " --json -j 4").out == first.out);
  }
  SUBCASE("another seed is another run") {
    const Json other = Json::parse(ringzero("run " + file + " --json --seed 77").out);
    CHECK(other["experiments"][0]["points"][0]["replications"][0]["seed"] == 77);
  }
  SUBCASE("the table has a line per point") {
    CHECK(ringzero("run " + file + " --replications 1").out.find("throughput [CPUs]") != std::string::npos);
  }
}

TEST_CASE("disk-replay: a response time per request beside the measured one, a summary, and JSON on demand") {
  const test::TemporaryFolder folder;
  const std::string trace = folder
                                .write("trace.csv",
                                       "#rw,lbn,sectors,measured_response_us\n"
                                       "R,1000,8,9000\nW,5000000,16,8000.5\nR,17938978,8,12000\n")
                                .string();
  const Ended rows = ringzero("disk-replay --drive atlas10k " + trace);
  CHECK(rows.status == 0);
  CHECK(rows.out.starts_with("rw,lbn,sectors,far_read,response_us,measured_response_us\nR,1000,8,0,"));
  CHECK(rows.out.find(",8000.500\nR,17938978,8,0,") != std::string::npos);
  CHECK(std::ranges::count(rows.out, '\n') == 4);
  CHECK(rows.error.starts_with("all: 3 requests, mean "));
  CHECK(rows.error.find("measured 9.667 ms, demerit ") != std::string::npos);

  const Json summary =
      Json::parse(ringzero("disk-replay --drive atlas10k --policy sptf --queue 3 --json " + trace).out);
  CHECK(summary["drive"] == "atlas10k");
  CHECK(summary["policy"] == "sptf");
  CHECK(summary["outstanding"] == 3);
  CHECK(summary["all"]["requests"] == 3);
  CHECK(summary["far_reads"]["requests"] == 0);

  const std::string out = (folder.path() / "out.csv").string();
  CHECK(ringzero("disk-replay --drive " RINGZERO_SOURCE_DIR "/model/drives/atlas10k.json --out " + out + " " + trace)
            .out == "");
  CHECK(text_of(out) == rows.out);
}

TEST_CASE("disk-replay refuses what it cannot replay: status 2, one line that says where and what") {
  const test::TemporaryFolder folder;
  auto file = [&, number = 0](const std::string& text) mutable {
    return folder.write("t" + std::to_string(number++) + ".csv", text).string();
  };
  const std::string header = "rw,lbn,sectors\n", good = file(header + "R,0,8\n");
  const std::vector<std::pair<std::string, std::string>> refused = {
      {"--drive atlas10 " + good, "(did you mean \"atlas10k\"?)"},
      {"--drive atlas10k --policy sstff " + good, "(did you mean \"sstf\"?)"},
      {"--drive atlas10k --queue 65 " + good, "at most the drive's 64"},
      {"--drive atlas10k /nowhere.csv", "/nowhere.csv"},
      {"--drive atlas10k " + file(""), "none that can be read"},
      {"--drive atlas10k " + file(header), "at least one request"},
      {"--drive atlas10k " + file("rw,lbn\nR,0\n"), "a column sectors"},
      {"--drive atlas10k " + file("rw,lbn,sectors,colour\n"), "\"colour\""},
      {"--drive atlas10k " + file(header + "R,0,8\nX,0,8\n"), ":3: "},
      {"--drive atlas10k " + file(header + "R,-1,8\n"), "a sector"},
      {"--drive atlas10k " + file(header + "R,0,0\n"), "sectors of the drive"},
      {"--drive atlas10k " + file(header + "R,17938979,8\n"), "which has 17938986"},
      {"--drive atlas10k " + file(header + "R,0\n"), "3 values"},
      {"--drive " + file("{}") + " " + good, "--drive"},
      {"--drive atlas10k --out /nowhere/x.csv " + good, "--out"},
  };
  for (const auto& [given, told] : refused) {
    const std::string arguments = given;  // clang 14 captures no binding
    CAPTURE(arguments);
    const Ended ended = ringzero("disk-replay " + arguments);
    CHECK(ended.status == 2);
    CHECK(ended.out == "");
    CHECK(std::ranges::count(ended.error, '\n') == 1);
    CAPTURE(ended.error);
    CHECK(ended.error.find(told) != std::string::npos);
  }
}

TEST_CASE("a scheduler scenario comes out as rows of its decisions") {
  const Ended ended = ringzero("schedule " RINGZERO_SOURCE_DIR "/tests/oracle/scheduler-traces/a_single.bvt10.json");
  CHECK(ended.status == 0);
  CHECK(ended.out == text_of(RINGZERO_SOURCE_DIR "/tests/oracle/scheduler-traces/a_single.bvt10.csv"));
}
