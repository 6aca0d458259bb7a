#include "experiments/runner/quantity.h"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <vector>

#include "experiments/runner/input_error.h"
#include "experiments/runner/names.h"

namespace runner {

namespace {

constexpr std::array kTimes{Unit{"ps", 1},
                            Unit{"ns", 1'000},
                            Unit{"us", 1'000'000},
                            Unit{"ms", 1'000'000'000},
                            Unit{"s", 1'000'000'000'000},
                            Unit{"min", 60'000'000'000'000},
                            Unit{"h", 3'600'000'000'000'000}};
constexpr std::array kSizes{Unit{"B", 1},
                            Unit{"kB", 1'000},
                            Unit{"KiB", 1 << 10},
                            Unit{"MB", 1'000'000},
                            Unit{"MiB", 1 << 20},
                            Unit{"GB", 1'000'000'000},
                            Unit{"GiB", 1 << 30},
                            Unit{"TB", 1'000'000'000'000},
                            Unit{"TiB", std::int64_t{1} << 40}};
constexpr std::array kRates{Unit{"b/s", 1}, Unit{"kb/s", 1'000}, Unit{"Mb/s", 1'000'000}, Unit{"Gb/s", 1'000'000'000}};
constexpr std::array kFrequencies{Unit{"Hz", 1}, Unit{"kHz", 1'000}, Unit{"MHz", 1'000'000},
                                  Unit{"GHz", 1'000'000'000}};
constexpr std::array kShares{Unit{"ppm", 1}, Unit{"%", 10'000}};

std::vector<std::string> unit_names(Dimension dimension) {
  std::vector<std::string> names;
  for (const Unit& unit : units_of(dimension)) names.emplace_back(unit.name);
  return names;
}

std::string expectation(Dimension dimension) {
  return std::string{name_of(dimension)} + " in " + one_of(unit_names(dimension));
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// An unsigned decimal number as an integer and the power of ten that it is to be divided by.
struct Decimal {
  std::int64_t digits = 0;
  std::int64_t divisor = 1;
};

// Takes a decimal number off the front of `text`; false if there is none or it has more than 18 digits.
bool take_decimal(std::string_view& text, Decimal& number) {
  bool any = false, fraction = false;
  int length = 0;
  for (; !text.empty(); text.remove_prefix(1)) {
    if (text.front() == '.' && !fraction) {
      fraction = true;
    } else if (is_digit(text.front())) {
      any = true;
      number.digits = number.digits * 10 + (text.front() - '0');
      if (fraction) number.divisor *= 10;
      if (number.digits != 0 || fraction) ++length;
      if (length > 18) return false;
    } else {
      break;
    }
  }
  return any;
}

}  // namespace

std::string_view name_of(Dimension dimension) {
  switch (dimension) {
    case Dimension::time:
      return "a time";
    case Dimension::size:
      return "a size";
    case Dimension::rate:
      return "a data rate";
    case Dimension::frequency:
      return "a frequency";
    case Dimension::share:
      return "a share";
  }
  return "";
}

std::span<const Unit> units_of(Dimension dimension) {
  switch (dimension) {
    case Dimension::time:
      return kTimes;
    case Dimension::size:
      return kSizes;
    case Dimension::rate:
      return kRates;
    case Dimension::frequency:
      return kFrequencies;
    case Dimension::share:
      return kShares;
  }
  return {};
}

std::optional<Dimension> find_dimension(std::string_view unit) {
  for (const auto dimension :
       {Dimension::time, Dimension::size, Dimension::rate, Dimension::frequency, Dimension::share}) {
    const auto units = units_of(dimension);
    if (std::ranges::find(units, unit, &Unit::name) != units.end()) return dimension;
  }
  return std::nullopt;
}

Dimension dimension_of(std::string_view unit) {
  if (const auto dimension = find_dimension(unit)) return *dimension;
  throw std::logic_error{"no dimension has the unit " + std::string{unit}};
}

std::int64_t parse_quantity(std::string_view text, Dimension dimension, std::string_view plain_unit) {
  std::string_view rest = text;
  const auto skip_spaces = [&rest] {
    while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
  };
  skip_spaces();
  if (!rest.empty() && rest.front() == '-') {
    throw Mismatch{std::string{name_of(dimension)} + " that is not negative", in_quotes(text), ""};
  }
  Decimal number;
  if (!take_decimal(rest, number)) throw Mismatch{expectation(dimension), in_quotes(text), ""};
  skip_spaces();
  while (!rest.empty() && rest.back() == ' ') rest.remove_suffix(1);
  const std::string_view unit_name = rest.empty() ? plain_unit : rest;

  const auto units = units_of(dimension);
  const auto unit = std::ranges::find(units, unit_name, &Unit::name);
  if (unit == units.end()) {
    throw Mismatch{expectation(dimension), in_quotes(text), nearest_name(unit_name, unit_names(dimension))};
  }
  __extension__ using Wide = __int128;
  const auto product = static_cast<Wide>(number.digits) * unit->base_units;
  if (product % number.divisor != 0) {
    throw Mismatch{"a whole number of " + std::string{units.front().name}, in_quotes(text), ""};
  }
  const Wide result = product / number.divisor;
  if (result > INT64_MAX) {
    throw Mismatch{std::string{name_of(dimension)} + " of at most " + format_quantity(INT64_MAX, dimension),
                   in_quotes(text), ""};
  }
  return static_cast<std::int64_t>(result);
}

std::string format_quantity(std::int64_t base_units, Dimension dimension) {
  std::string shortest;
  for (const Unit& unit : units_of(dimension)) {
    if (base_units % unit.base_units != 0) continue;
    std::string text = std::to_string(base_units / unit.base_units) + ' ' + std::string{unit.name};
    if (shortest.empty() || text.size() <= shortest.size()) shortest = std::move(text);
    if (base_units == 0 && unit.name == "s") break;
  }
  return shortest;
}

}  // namespace runner
