#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "workloads/profiles/profile.h"

namespace {

nlohmann::json cint2000() {
  std::ifstream file{std::string{RINGZERO_SOURCE_DIR} + "/workloads/profiles/cint2000.json"};
  return nlohmann::json::parse(file);
}

std::string error_of(const nlohmann::json& json) {
  try {
    guest::parse_profile(json.dump(), "test.json");
  } catch (const guest::ProfileError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("cint2000 fills the L2 cache, fits a 15 MB domain and is inside its own ranges") {
  const guest::ComputeProfile profile = guest::load_profile("cint2000");
  CHECK(profile.cache_lines == 8192);
  CHECK(profile.resident_pages * 4096 < 8u << 20);
  CHECK(profile.hot_pages >= 64);
  CHECK(profile.steady_insertions == 1'000'000);
  const nlohmann::json values = cint2000()["values"];
  for (auto value = values.begin(); value != values.end(); ++value) {
    const nlohmann::json& entry = *value;
    CAPTURE(value.key());
    REQUIRE(entry["range"].size() == 2);
    CHECK(entry["value"] >= entry["range"][0]);
    CHECK(entry["value"] <= entry["range"][1]);
    CHECK(!entry["source"].get<std::string>().empty());
  }
}

TEST_CASE("what is wrong with a profile is said with the value's name") {
  auto json = cint2000();
  json["values"].erase("hot_pages");
  CHECK(error_of(json) == "test.json: values.hot_pages: missing");
  json = cint2000();
  json["values"]["hot_pages"]["unit"] = "MB";
  CHECK(error_of(json) == "test.json: values.hot_pages: the unit must be \"pages\"");
  json = cint2000();
  json["values"]["hot_pages"]["value"] = 100000;
  CHECK(error_of(json) == "test.json: values.hot_pages: 100000 is not within 0 .. 528");
  json = cint2000();
  json["values"]["cache_lines"]["origin"] = "guessed";
  CHECK(error_of(json).find("origin \"guessed\" is none of measured, counted, fitted, assumed") != std::string::npos);
  json = cint2000();
  json["values"]["cash_lines"] = json["values"]["cache_lines"];
  CHECK(error_of(json) == "test.json: values.cash_lines: is not a value of a profile");
}

TEST_CASE("an unknown profile is refused with those there are") {
  try {
    guest::load_profile("cint2001");
    FAIL("it was accepted");
  } catch (const guest::ProfileError& error) {
    CHECK(std::string{error.what()} == "no profile \"cint2001\"; there is: cint2000");
  }
}
