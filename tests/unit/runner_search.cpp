#include <doctest/doctest.h>

#include <cmath>
#include <set>

#include "experiments/runner/plan.h"
#include "experiments/runner/search.h"
#include "support/experiment_file.h"

namespace {

using runner::find_crossing;
using runner::Probe;
using runner::SearchResult;
using runner::SearchSettings;

SearchSettings settings() {
  return {
      .key = "x", .metric = "web99.assured_rate", .at_least = 320, .tolerance = 5, .most_runs = 10, .name = "found"};
}

// A server of so many connections: each has 400 until the server is the limit.
auto server(double most) {
  return [most](std::int64_t connections) { return std::min(400.0, 320 * most / static_cast<double>(connections)); };
}

}  // namespace

TEST_CASE("a saturated server's limit is found from wherever the search begins") {
  for (const std::int64_t start : {500, 300, 900, 200, 1500}) {
    CAPTURE(start);
    const SearchResult found = find_crossing(settings(), start, server(518));
    CHECK(found.value == doctest::Approx(518).epsilon(0.006));
    CHECK(found.probes.size() <= 8);
  }
}

TEST_CASE("a metric that falls faster than by proportion is bracketed") {
  const auto steep = [](std::int64_t x) { return 320 * std::pow(700.0 / static_cast<double>(x), 4); };
  for (const std::int64_t start : {500, 700, 1000}) {
    const SearchResult found = find_crossing(settings(), start, steep);
    CHECK(found.value == doctest::Approx(700).epsilon(0.006));
    CHECK(found.probes.size() <= 6);
  }
}

TEST_CASE("no value is tried twice") {
  std::set<std::int64_t> tried;
  find_crossing(settings(), 11, [&](std::int64_t x) {
    CHECK(tried.insert(x).second);
    return 320 * std::pow(17.3 / static_cast<double>(x), 2);
  });
}

TEST_CASE("a search that finds no limit says what it saw") {
  const auto flat = [](std::int64_t) { return 1000.0; };
  CHECK_THROWS_WITH_AS(find_crossing(settings(), 2, flat), doctest::Contains("after 10 runs"), std::runtime_error);
}

TEST_CASE("the key of a search is a whole number of the set-up") {
  const auto with_key = [](const std::string& key) {
    runner::Json json = test::small_experiment();
    json["domains"][1]["programs"] = runner::Json::parse(R"([{"web99": {"connections": 10}}])");
    json.erase("clients");
    json["search"] = {{"key", key}, {"metric", "web99.assured_rate"}, {"at_least", 320}, {"name", "web99.score"}};
    return json;
  };
  const std::string good = "domains.echo.programs.0.web99.connections";
  CHECK(test::plan_of(with_key(good)).points.front().setup.search->at_least == 320);
  for (const char* key : {"domains.echo.programs.0.web99.users", "domains.echo.name", "domains.mail.memory"}) {
    CAPTURE(key);
    CHECK(!test::error_in(with_key(key)).empty());
  }
}
