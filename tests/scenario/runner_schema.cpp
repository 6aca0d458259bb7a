// An independent judge of the emitted JSON Schema: python3-jsonschema.
#include <doctest/doctest.h>

#include <cstdlib>

#include "experiments/runner/known_names.h"
#include "experiments/runner/settings.h"
#include "support/experiment_file.h"

using runner::Json;

namespace {

// 0: valid; 1: not.
int judge(const std::filesystem::path& schema, const std::filesystem::path& instance) {
  const std::string script =
      "import json, sys, jsonschema\n"
      "schema = json.load(open(sys.argv[1]))\n"
      "jsonschema.Draft202012Validator.check_schema(schema)\n"
      "errors = list(jsonschema.Draft202012Validator(schema).iter_errors(json.load(open(sys.argv[2]))))\n"
      "for error in errors: print(error.json_path, error.message)\n"
      "sys.exit(1 if errors else 0)\n";
  const std::string command =
      "/usr/bin/python3 -c '" + script + "' '" + schema.string() + "' '" + instance.string() + "'";
  return WEXITSTATUS(std::system(command.c_str()));
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
  int files = 0;
  for (const char* where :
       {"experiments/paper", "experiments/sensitivity", "experiments/examples", "experiments/sweeps"}) {
    for (const auto& entry : std::filesystem::directory_iterator{runner::root() / where}) {
      if (entry.path().extension() != ".json") continue;
      ++files;
      CAPTURE(entry.path().string());
      CHECK(judge(schema, entry.path()) == 0);
      CHECK_NOTHROW(runner::load_plan(entry.path(), {}));
    }
  }
  CHECK(files >= 4);

  const auto spoilt = [&](auto spoil) {
    Json json = test::small_experiment();
    spoil(json);
    return judge(schema, folder.write("spoilt.json", json.dump()));
  };
  CHECK(spoilt([](Json&) {}) == 0);
  CHECK(spoilt([](Json& json) { json["domains"][0]["cpu_weigth"] = 1; }) == 1);
  CHECK(spoilt([](Json& json) { json["domains"][0]["memory"] = -1; }) == 1);
  CHECK(spoilt([](Json& json) { json["domains"][0]["memory"] = "5 ms"; }) == 1);
  CHECK(spoilt([](Json& json) { json["domains"][0].erase("name"); }) == 1);
  CHECK(spoilt([](Json& json) { json["scheduler"] = {{"name", "lottery"}}; }) == 1);
  CHECK(spoilt([](Json& json) { json["system"] = "qemu"; }) == 1);
  CHECK(spoilt([](Json& json) { json["domains"][0]["programs"] = {{{"sleep", Json::object()}}}; }) == 1);
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
  CHECK(judge(schema, folder.write("resolved.json", resolved.dump())) == 0);
}
