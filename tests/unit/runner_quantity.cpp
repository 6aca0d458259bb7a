#include "experiments/runner/quantity.h"

#include <doctest/doctest.h>

#include "experiments/runner/input_error.h"
#include "experiments/runner/names.h"

using namespace runner;

namespace {

std::int64_t time_in(const char* text) { return parse_quantity(text, Dimension::time, "ms"); }
std::int64_t size_in(const char* text) { return parse_quantity(text, Dimension::size, "MiB"); }

std::string refusal(const char* text, Dimension dimension) {
  try {
    parse_quantity(text, dimension, units_of(dimension).front().name);
  } catch (const Mismatch& mismatch) {
    return mismatch.message();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("a quantity is the number times its unit, in base units") {
  CHECK(time_in("5 ms") == 5'000'000'000);
  CHECK(time_in("5ms") == 5'000'000'000);
  CHECK(time_in(" 50 us ") == 50'000'000);
  CHECK(time_in("1 h") == 3'600'000'000'000'000);
  CHECK(size_in("64 MiB") == 67'108'864);
  CHECK(size_in("64 MB") == 64'000'000);
  CHECK(parse_quantity("1 Gb/s", Dimension::rate, "b/s") == 1'000'000'000);
  CHECK(parse_quantity("2.4 GHz", Dimension::frequency, "Hz") == 2'400'000'000);
}

TEST_CASE("a number without a unit is in the unit of its key") {
  CHECK(time_in("5") == 5'000'000'000);
  CHECK(size_in("0.5") == 524'288);
}

TEST_CASE("fractions are exact or refused, never rounded") {
  CHECK(time_in("0.001 ns") == 1);
  CHECK(time_in("12.304 us") == 12'304'000);
  CHECK(refusal("0.0001 ns", Dimension::time) == "expected a whole number of ps, got \"0.0001 ns\"");
  CHECK(refusal("0.3 B", Dimension::size) == "expected a whole number of B, got \"0.3 B\"");
}

TEST_CASE("a unit of another dimension, a negative number and no number are refused") {
  CHECK(refusal("5 MiB", Dimension::time) ==
        "expected a time in \"ps\", \"ns\", \"us\", \"ms\", \"s\", \"min\" or \"h\", got \"5 MiB\"");
  CHECK(refusal("5 Mib", Dimension::size).ends_with("got \"5 Mib\" (did you mean \"MiB\"?)"));
  CHECK(refusal("-5 ms", Dimension::time) == "expected a time that is not negative, got \"-5 ms\"");
  CHECK(refusal("fast", Dimension::rate) ==
        "expected a data rate in \"b/s\", \"kb/s\", \"Mb/s\" or \"Gb/s\", got \"fast\"");
  CHECK(refusal("", Dimension::size).starts_with("expected a size"));
  CHECK(refusal("1e3 B", Dimension::size).starts_with("expected a size"));
}

TEST_CASE("what does not fit into 64 bits is refused") {
  CHECK(refusal("3000 h", Dimension::time).starts_with("expected a time of at most"));
  CHECK(refusal("9223372036854775807 B", Dimension::size).starts_with("expected a size"));
  CHECK(time_in("2562 h") == 9'223'200'000'000'000'000);
}

TEST_CASE("writing a quantity and reading it gives the same number") {
  for (const std::int64_t n : {0ll, 1ll, 999ll, 1000ll, 1024ll, 5'000'000'000ll, 416'666'667ll, 67'108'864ll,
                               60'000'000'000'000ll, 9'223'372'036'854'775'807ll}) {
    for (const auto dimension : {Dimension::time, Dimension::size, Dimension::rate, Dimension::frequency}) {
      const std::string text = format_quantity(n, dimension);
      CAPTURE(text);
      if (n < 1'000'000'000'000'000'000) CHECK(parse_quantity(text, dimension, "none") == n);
    }
  }
  CHECK(format_quantity(5'000'000'000, Dimension::time) == "5 ms");
  CHECK(format_quantity(67'108'864, Dimension::size) == "64 MiB");
  CHECK(format_quantity(0, Dimension::time) == "0 s");
}

TEST_CASE("the nearest name is the one with the fewest edits, and none if all are far") {
  CHECK(edit_distance("cpu_weigth", "cpu_weight") == 1);  // neighbours swapped
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("kitten", "sitting") == 3);
  const std::vector<std::string> names{"memory", "cpus", "vcpus"};
  CHECK(nearest_name("memroy", names) == "memory");
  CHECK(nearest_name("vpcus", names) == "vcpus");
  CHECK(nearest_name("frobnicate", names) == "");
}
