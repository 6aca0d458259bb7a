// An independent judge of the emitted JSON Schema: python3-jsonschema.
#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <vector>

#include "experiments/runner/known_names.h"
#include "experiments/runner/settings.h"
#include "support/experiment_file.h"

using runner::Json;

namespace {

// Those of the files that are not valid, and why is on stdout. One program judges all: it starts slower than it judges.
std::vector<std::string> not_valid(const std::filesystem::path& schema,
                                   const std::vector<std::filesystem::path>& instances) {
  const test::TemporaryFolder folder;
  const std::string verdict = (folder.path() / "verdict").string();
  const std::string script =
      "import json, sys, jsonschema\n"
      "schema = json.load(open(sys.argv[1]))\n"
      "jsonschema.Draft202012Validator.check_schema(schema)\n"
      "judge = jsonschema.Draft202012Validator(schema)\n"
      "with open(sys.argv[2], \"w\") as verdict:\n"
      "    for path in sys.argv[3:]:\n"
      "        errors = list(judge.iter_errors(json.load(open(path))))\n"
      "        for error in errors: print(path, error.json_path, error.message)\n"
      "        if errors: print(path, file=verdict)\n";
  std::string command = "/usr/bin/python3 -c '" + script + "' '" + schema.string() + "' '" + verdict + "'";
  for (const auto& instance : instances) command += " '" + instance.string() + "'";
  REQUIRE(std::system(command.c_str()) == 0);
  std::vector<std::string> names;
  std::ifstream file{verdict};
  for (std::string line; std::getline(file, line);) names.push_back(line);
  return names;
}

bool judge_is_here() { return std::system("/usr/bin/python3 -c 'import jsonschema' 2>/dev/null") == 0; }

}  // namespace

TEST_CASE("every experiment file is valid by the emitted schema, and spoilt ones are not") {
  if (!judge_is_here()) {
    MESSAGE("skipped: /usr/bin/python3 has no jsonschema (Debian package python3-jsonschema)");
    return;
  }
  const test::TemporaryFolder folder;
  const auto schema = folder.write("schema.json", runner::schema().dump(2));
  std::vector<std::filesystem::path> files;
  for (const char* where :
       {"experiments/paper", "experiments/sensitivity", "experiments/examples", "experiments/sweeps"}) {
    for (const auto& entry : std::filesystem::directory_iterator{runner::root() / where}) {
      if (entry.path().extension() != ".json") continue;
      files.push_back(entry.path());
      CAPTURE(entry.path().string());
      CHECK_NOTHROW(runner::load_plan(entry.path(), {}));
    }
  }
  CHECK(files.size() >= 4);
  CHECK(not_valid(schema, files) == std::vector<std::string>{});

  std::vector<std::filesystem::path> spoilt;
  const auto spoil = [&](auto how) {
    Json json = test::small_experiment();
    how(json);
    spoilt.push_back(folder.write("spoilt" + std::to_string(spoilt.size()) + ".json", json.dump()));
  };
  const auto valid = folder.write("valid.json", test::small_experiment().dump());
  spoil([](Json& json) { json["domains"][0]["cpu_weigth"] = 1; });
  spoil([](Json& json) { json["domains"][0]["memory"] = -1; });
  spoil([](Json& json) { json["domains"][0]["memory"] = "5 ms"; });
  spoil([](Json& json) { json["domains"][0].erase("name"); });
  spoil([](Json& json) { json["scheduler"] = {{"name", "lottery"}}; });
  spoil([](Json& json) { json["system"] = "qemu"; });
  spoil([](Json& json) { json["domains"][0]["programs"] = {{{"sleep", Json::object()}}}; });
  CHECK(spoilt.size() == 7);
  CHECK(not_valid(schema, {valid}) == std::vector<std::string>{});
  CHECK(not_valid(schema, spoilt) == std::vector<std::string>(spoilt.begin(), spoilt.end()));
}

TEST_CASE("the resolved configuration of every point is valid by the emitted schema") {
  if (!judge_is_here()) {
    MESSAGE("skipped: /usr/bin/python3 has no jsonschema (Debian package python3-jsonschema)");
    return;
  }
  const test::TemporaryFolder folder;
  const auto schema = folder.write("schema.json", runner::schema().dump(2));
  const runner::Plan plan = runner::load_plan(runner::root() / "experiments/paper/udp-idle-conditions.json", {});
  Json resolved = runner::write_settings(plan.points.back().setup);
  resolved["experiment"] = "resolved";
  CHECK(not_valid(schema, {folder.write("resolved.json", resolved.dump())}) == std::vector<std::string>{});
}
