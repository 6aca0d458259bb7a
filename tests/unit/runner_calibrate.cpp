#include "experiments/runner/calibration.h"

#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <set>

#include "experiments/runner/known_names.h"
#include "experiments/runner/parameter_writer.h"
#include "support/temporary_folder.h"

using namespace runner;

namespace {

const std::vector<PublishedValue> kPublished{{"tab3.null_call.L-UP", "L-UP", "us", 0.45, "calibration"},
                                             {"tab3.null_call.X", "X", "us", 0.46, "prediction"},
                                             {"fig6.setting", "X", "MB", 15, "context"}};

std::string calibration_on(const std::string& id) {
  return R"({"title": "t", "experiment": "experiments/paper/fig6.json", "stages": [{"name": "s", "parameters": [
            {"keys": ["kernel.system_call.instructions"], "ids": [")" +
         id + R"("]}]}]})";
}

std::string error_of(const std::string& text) {
  const test::TemporaryFolder folder;
  try {
    load_calibration(folder.write("c.json", text), kPublished);
  } catch (const InputError& error) {
    return error.json_path() + ": " + error.message();
  }
  return "";
}

}  // namespace

TEST_CASE("a prediction, a context value and an unknown id are refused, where they stand") {
  CHECK(error_of(calibration_on("tab3.null_call.L-UP")) == "");
  CHECK(error_of(calibration_on("tab3.null_call.X")) ==
        "/stages/0/parameters/0/ids/0: expected a value with the role \"calibration\", got \"tab3.null_call.X\", which "
        "is "
        "a prediction");
  CHECK(error_of(calibration_on("fig6.setting")).find("which is a context") != std::string::npos);
  CHECK(error_of(calibration_on("tab3.nul_call.L-UP")).find("did you mean \"tab3.null_call.L-UP\"") !=
        std::string::npos);
}

TEST_CASE("the project's calibrations use fewer parameters than values, a benchmark one for its own value") {
  const auto published = load_published(published_path());
  std::set<std::string> keys;
  for (const auto& file : std::filesystem::directory_iterator{root() / "experiments/calibration"}) {
    const Calibration calibration = load_calibration(file.path(), published);  // throws for ids that it may not use
    for (const CalibrationStage& stage : calibration.stages) {
      CAPTURE(file.path());
      CAPTURE(stage.name);
      for (const FittedKeys& fitted : stage.parameters) {
        for (const std::string& key : fitted.keys) CHECK_MESSAGE(keys.insert(key).second, key << " is fitted twice");
        if (!stage.separate) continue;
        CHECK(fitted.keys.size() == 1);
        CHECK(fitted.ids.size() == 1);
      }
      const std::size_t values = stage.ids().size();
      CHECK(stage.parameters.size() <= (stage.separate ? values : values - 1));
    }
  }
  CHECK(keys.contains("web99.user_work"));
}

TEST_CASE("whether a stage's parameters are separate is true or false") {
  std::string text = calibration_on("tab3.null_call.L-UP");
  text.insert(text.find(R"("name")"), R"("separate": "yes", )");
  CHECK(error_of(text) == "/stages/0/separate: expected true or false, got \"yes\"");
}

TEST_CASE("values are printed with three digits and at most two decimals, and are no surer than one per cent") {
  CHECK(printed_step(0.45) == doctest::Approx(0.01));
  CHECK(printed_step(3.51) == doctest::Approx(0.01));
  CHECK(printed_step(24.3) == doctest::Approx(0.1));
  CHECK(printed_step(110) == doctest::Approx(1));
  CHECK(printed_step(4000) == doctest::Approx(10));
  CHECK(printed_deviation(0.45) == doctest::Approx(std::hypot(0.0045, 0.01 / std::sqrt(12.0))));
}

TEST_CASE("a fitted value is written into its entry, and nothing else of the file changes") {
  const std::string text = R"({
  "name": "k",
  "kernel": {
    "list": [1, {"fork": 2}],
    "fork": {
      "instructions": {"value": 3500, "unit": "instructions", "origin": "assumed", "source": "a \"quoted\" guess", "certainty": "low", "range": [1500, 8000]},
      "locks": {"value": 14, "unit": "locks", "origin": "assumed", "source": "s", "certainty": "low", "range": [7, 28], "note": "n"}
    }
  }
}
)";
  const FittedValue value{"kernel.fork.locks", 14, 17, true, 15, 19, false, {"tab3.fork_proc.L-SMP"}};
  const std::string expected_entry =
      R"("locks": {"value": 17, "unit": "locks", "origin": "fitted", "source": "by test", "certainty": "medium", "note": "n", "fitted_on": ["tab3.fork_proc.L-SMP"], "confidence": [15, 19]})";
  std::string expected = text;
  const auto begin = expected.find("\"locks\"");
  expected.replace(begin, expected.find('\n', begin) - begin, expected_entry);
  CHECK(with_fitted_value(text, value, "by test") == expected);

  SUBCASE("one that is not pinned down stays what it was") {
    const FittedValue loose{"kernel.fork.locks", 14, 17.5, false, 0, 0, false, {"tab3.fork_proc.L-SMP"}};
    CHECK(with_fitted_value(text, loose, "by test") == text);
  }
  SUBCASE("an entry that is not there is an error") {
    CHECK(!has_entry(text, "kernel.exec.locks"));
    FittedValue missing = value;
    missing.key = "kernel.exec.locks";
    CHECK_THROWS_AS(with_fitted_value(text, missing, "by test"), std::invalid_argument);
  }
}

TEST_CASE("the file of a parameter is found by its key") {
  CHECK(file_of_parameter("memory.line_stream", "dell2650").filename() == "dell2650.json");
  CHECK(file_of_parameter("kernel.fork.instructions", "dell2650").filename() == "linux24.json");
  CHECK_THROWS_AS(file_of_parameter("kernel.no_such_path.instructions", "dell2650"), InputError);
}
