// What people see when they got something wrong: the whole text of each message.
#include <doctest/doctest.h>

#include "support/experiment_file.h"

using runner::Json;
using test::error_in;
using test::small_experiment;

TEST_CASE("the experiment that these tests change is valid") { CHECK(error_in(small_experiment()) == ""); }

TEST_CASE("a missing file, a folder and broken JSON are told apart") {
  CHECK_THROWS_WITH_AS(runner::load_plan("/nowhere/x.json", {}),
                       "/nowhere/x.json: expected a JSON file, got no such file", runner::InputError);
  CHECK_THROWS_WITH_AS(runner::load_plan("/tmp", {}), "/tmp: expected a JSON file, got a folder", runner::InputError);
  CHECK(error_in(std::string{"{\n  \"cpus\": 2,\n  \"domains\" []\n}"}) ==
        "small.json: at line 3, column 13: expected JSON, got unexpected '['; expected ':'");
  CHECK(error_in(std::string{""}).starts_with("small.json: at line 1, column 1: expected JSON, got unexpected end"));
  CHECK(error_in(std::string{"[]"}) == "small.json: expected an object, got a list");
}

TEST_CASE("a key given twice is refused, since one of them would be ignored") {
  CHECK(error_in(std::string{"{\"cpus\": 1, \"cpus\": 2}"}) ==
        "small.json: expected every key of an object once, got \"cpus\" twice");
}

TEST_CASE("an unknown key names its place and the nearest known key") {
  Json json = small_experiment();
  json["domains"][1]["cpu_weigth"] = 512;
  CHECK(error_in(json) ==
        "small.json: at /domains/1/cpu_weigth: expected a known key, got the unknown key \"cpu_weigth\" "
        "(did you mean \"cpu_weight\"?)");
  json = small_experiment();
  json["scheduler"] = {{"tock", "10 ms"}};
  CHECK(error_in(json) ==
        "small.json: at /scheduler/tock: expected a known key, got the unknown key \"tock\" (did you mean \"tick\"?)");
}

TEST_CASE("sensitivity to what is no parameter, to none that is uncertain, and beside cases is refused") {
  const auto error_with = [](Json names, bool cases = false) {
    Json json = small_experiment();
    json["sensitivity"] = std::move(names);
    if (cases) json["cases"] = {{{"name", "a"}}};
    return error_in(json);
  };
  CHECK(error_with({"memory.line_refil"}) ==
        "small.json: at /sensitivity/0: expected a parameter of the model, or the beginning of some, got "
        "\"memory.line_refil\" (did you mean \"memory.line_refill\"?)");
  CHECK(error_with({"tlb", "tbl"}).starts_with("small.json: at /sensitivity/1: expected a parameter of the model"));
  CHECK(error_with({"cache"}) ==
        "small.json: at /sensitivity/0: expected parameters of which one is uncertain, got \"cache\"");
  CHECK(error_with({"tlb"}, true) == "small.json: at /sensitivity: expected no \"cases\" beside it, got both");
}

TEST_CASE("a missing key is named") {
  Json json = small_experiment();
  json["domains"][1].erase("memory");
  CHECK(error_in(json) == "small.json: at /domains/1: expected the key \"memory\", got none");
}

TEST_CASE("a wrong unit, a negative and a too small quantity are refused") {
  Json json = small_experiment();
  json["duration"] = "5 MHz";
  CHECK(error_in(json) ==
        "small.json: at /duration: expected a time in \"ps\", \"ns\", \"us\", \"ms\", \"s\", \"min\" or \"h\", "
        "got \"5 MHz\"");
  json = small_experiment();
  json["domains"][0]["memory"] = -32;
  CHECK(error_in(json) == "small.json: at /domains/0/memory: expected a size that is not negative, got -32");
  json["domains"][0]["memory"] = "-32 MiB";
  CHECK(error_in(json) == "small.json: at /domains/0/memory: expected a size that is not negative, got \"-32 MiB\"");
  json["domains"][0]["memory"] = "1 MiB";
  CHECK(error_in(json) == "small.json: at /domains/0/memory: expected a size of at least 2 MiB, got \"1 MiB\"");
}

TEST_CASE("values of another type and out of range are refused") {
  Json json = small_experiment();
  json["domains"][0]["vcpus"] = "two";
  CHECK(error_in(json) == "small.json: at /domains/0/vcpus: expected a whole number from 1 to 8, got \"two\"");
  json = small_experiment();
  json["domains"][0]["count"] = -3;
  CHECK(error_in(json) == "small.json: at /domains/0/count: expected a whole number from 1 to 4294967295, got -3");
  json = small_experiment();
  json["domains"] = "many";
  CHECK(error_in(json) == "small.json: at /domains: expected a list, got \"many\"");
  json = small_experiment();
  json["domains"][1]["vif"] = 1;
  CHECK(error_in(json) == "small.json: at /domains/1/vif: expected true or false, got 1");
}

TEST_CASE("more domains than the machine has memory for are refused, however many") {
  Json json = small_experiment();
  json["domains"][0]["count"] = 100000;
  CHECK(error_in(json) ==
        "small.json: at /domains/0/count: expected domains that fit in the 2 GiB of dell2650 (1.969 GiB is left, room "
        "for 63 of these), got 100000 of 32 MiB");
}

TEST_CASE("unknown names say which there are, or which is near") {
  Json json = small_experiment();
  json["scheduler"] = {{"name", "bvtt"}};
  CHECK(error_in(json) ==
        "small.json: at /scheduler/name: expected \"bvt\", \"credit\", \"credit2\", \"null\", \"rr\" or \"sedf\", got "
        "\"bvtt\" (did you mean \"bvt\"?)");
  json["scheduler"] = {{"variant", "xen-1.1"}};
  CHECK(error_in(json) ==
        "small.json: at /scheduler/variant: expected \"exact\", \"one-queue\", \"paper\", \"static\", \"xen-1.0\", "
        "\"xen-1.2\", \"xen-2.0\", \"xen-3.0.3\" or \"xen-3.1\", got \"xen-1.1\" (did you mean \"xen-1.0\"?)");
  json = small_experiment();
  json["machine"] = "dell2560";
  CHECK(error_in(json) ==
        "small.json: at /machine: expected \"dell2650\", got \"dell2560\" (did you mean \"dell2650\"?)");
  json = small_experiment();
  json["domains"][0]["programs"] = {{{"compute", {{"profile", "cint2006"}}}}};
  CHECK(error_in(json).starts_with("small.json: at /domains/0/programs/0/compute/profile: expected \"cint2000\""));
  json["domains"][0]["programs"] = {{{"computer", Json::object()}}};
  CHECK(error_in(json) ==
        "small.json: at /domains/0/programs/0/computer: expected a known key, got the unknown key \"computer\" (did "
        "you mean \"compute\"?)");
}

TEST_CASE("parts that do not fit together are refused") {
  Json json = small_experiment();
  json["clients"][0]["target"] = "ecko";
  CHECK(error_in(json) ==
        "small.json: at /clients/0/target: expected the name of a domain, got \"ecko\" (did you mean \"echo\"?)");
  json["clients"][0]["target"] = "compute1";
  CHECK(error_in(json) ==
        "small.json: at /clients/0/target: expected a domain with a vif, got \"compute1\", which has none");
  json = small_experiment();
  json["clients"][0]["port"] = 9;
  CHECK(
      error_in(json) ==
      "small.json: at /clients/0/target: expected a domain that runs udp_echo on port 9, got \"echo\", which does not");
  json = small_experiment();
  json["domains"][1]["name"] = "compute2";
  json["clients"][0]["target"] = "compute2";
  CHECK(error_in(json) ==
        "small.json: at /domains/1/name: expected a name for every domain of its own, got \"compute2\" twice");
  json = small_experiment();
  json["cpus"] = 64;
  CHECK(error_in(json) == "small.json: at /cpus: expected at most the 2 CPUs of dell2650, got 64");
  json = small_experiment();
  json["domains"][0]["cpus"] = 1;
  CHECK(error_in(json) == "small.json: at /domains/0/cpus: expected CPUs from 0 to 0, got 1");
}

TEST_CASE("an error in a case, a varied key or the command line is reported where it was written") {
  Json json = small_experiment();
  json["cases"] = {{{"name", "a"}, {"set", {{"scheduler.nme", "bvt"}}}}};
  CHECK(error_in(json) ==
        "small.json: at /cases/0/set/scheduler.nme: expected a known key, got the unknown key \"nme\" (did you mean "
        "\"name\"?)");
  json = small_experiment();
  json["vary"] = {{"domains.compute.memory", {"32 MiB", "32 ms"}}};
  CHECK(error_in(json).starts_with("small.json: at /vary/domains.compute.memory/1: expected a size in"));
  json["vary"] = {{"domains.computer.memory", {"32 MiB"}}};
  CHECK(
      error_in(json) ==
      "small.json: at /vary/domains.computer.memory/0: expected an element of \"domains\": its index (there are 2) or "
      "\"compute\" or \"echo\", got \"computer\" (did you mean \"compute\"?)");
  CHECK(error_in(small_experiment(), {.set = {"duration=-1 s"}}) ==
        "--set duration=-1 s: expected a time that is not negative, got \"-1 s\"");
  CHECK(error_in(small_experiment(), {.set = {"duration"}}) == "--set duration: expected key=value, got \"duration\"");
  CHECK(error_in(small_experiment(), {.set = {"domains.0.count=100000"}})
            .starts_with("--set domains.0.count=100000: expected domains that fit"));
}

TEST_CASE("a ledger that names an unknown case or published value is refused") {
  Json json = small_experiment();
  json["ledger"] = {{{"metric", "rtt_mean"}, {"id", "scal.udp.meen"}}};
  CHECK(error_in(json) ==
        "small.json: at /ledger/0/id: expected the id of a published value, got \"scal.udp.meen\" (did you mean "
        "\"scal.udp.mean\"?)");
  json["ledger"] = {{{"metric", "rtt_maen"}, {"id", "scal.udp.mean"}}};
  CHECK(error_in(json).find("(did you mean \"rtt_mean\"?)") != std::string::npos);
}
