#include "experiments/runner/ledger.h"

#include <doctest/doctest.h>

#include <stdexcept>

#include "experiments/runner/csv.h"

using namespace runner;

namespace {

const std::vector<PublishedValue> kPublished{
    {"fig1.a", "X", "ms", 100, "prediction"}, {"fig1.b", "X", "ms", 200, "prediction"},
    {"fig1.c", "X", "ms", 50, "prediction"},  {"fig1.d", "L", "ratio", 2, "calibration"},
    {"tab1.e", "X", "kB", 0, "prediction"},   {"tab1.f", "X", "kB", 20, "context"}};

}  // namespace

TEST_CASE("a row has the simulated value in the published unit, its interval and its signed error") {
  const auto ledger = make_ledger(kPublished, {{"fig1.a", 0.11, 0.10, 0.12, "s"}, {"fig1.c", 49, {}, {}, "ms"}});
  REQUIRE(ledger.size() == 2);
  CHECK(ledger[0].simulated == doctest::Approx(110));
  CHECK(*ledger[0].ci_low == doctest::Approx(100));
  CHECK(*ledger[0].error_percent == doctest::Approx(10));
  CHECK(*ledger[1].error_percent == doctest::Approx(-2));
  CHECK(ledger_csv(ledger) ==
        "id,system,unit,published,simulated,ci_low,ci_high,error_percent,role\n"
        "fig1.a,X,ms,100,110,100,120,10,prediction\n"
        "fig1.c,X,ms,50,49,,,-2,prediction\n");
}

TEST_CASE("values without a published counterpart are left out, and units of another dimension are an error") {
  CHECK(make_ledger(kPublished, {{"fig9.z", 1, {}, {}, "ms"}}).empty());
  CHECK_THROWS_AS(make_ledger(kPublished, {{"fig1.a", 1, {}, {}, "B"}}), std::invalid_argument);
}

TEST_CASE("a published value of zero has no relative error") {
  const auto ledger = make_ledger(kPublished, {{"tab1.e", 4000, {}, {}, "B"}});
  REQUIRE(ledger.size() == 1);
  CHECK(ledger[0].simulated == doctest::Approx(4));
  CHECK(!ledger[0].error_percent.has_value());
  CHECK(summarise(ledger).empty());
}

TEST_CASE("the summary takes absolute errors per figure and system, predictions apart from calibration") {
  const auto ledger = make_ledger(kPublished, {{"fig1.a", 90, {}, {}, "ms"},      // -10 %
                                               {"fig1.b", 202, {}, {}, "ms"},     // 1 %
                                               {"fig1.c", 52, {}, {}, "ms"},      // 4 %
                                               {"fig1.d", 2.5, {}, {}, "ratio"},  // 25 %
                                               {"tab1.f", 1, {}, {}, "kB"}});     // context: no claim
  const auto summary = summarise(ledger);
  REQUIRE(summary.size() == 2);
  CHECK(summary[0].role == "prediction");
  CHECK(summary[0].figure == "fig1");
  CHECK(summary[0].values == 3);
  CHECK(summary[0].median_error_percent == doctest::Approx(4));
  CHECK(summary[0].p90_error_percent == doctest::Approx(8.8));  // linear between 4 and 10
  CHECK(summary[1].role == "calibration");
  CHECK(summary[1].median_error_percent == doctest::Approx(25));
}

TEST_CASE("the published values load, with the roles the ledger knows") {
  const auto published = load_published(published_path());
  CHECK(published.size() > 250);
  std::size_t fig6 = 0;
  for (const PublishedValue& value : published) {
    if (value.id.starts_with("fig6.")) ++fig6;
  }
  CHECK(fig6 == 27);
}

TEST_CASE("CSV fields are quoted where they must be") {
  CHECK(csv_field("slice 5 ms") == "slice 5 ms");
  CHECK(csv_field("a,b") == "\"a,b\"");
  CHECK(csv_field("say \"x\"") == "\"say \"\"x\"\"\"");
}
