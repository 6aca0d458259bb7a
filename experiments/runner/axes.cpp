#include "experiments/runner/axes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <tuple>

#include "experiments/runner/names.h"
#include "experiments/runner/parameters.h"
#include "experiments/runner/quantity.h"
#include "sim/random.h"

namespace runner {

namespace {

// The ends of a range as numbers, and how to write what is between them.
struct Span {
  double from = 0, to = 0;
  std::optional<Dimension> dimension;  // none: plain numbers
  bool whole = false;
  bool log = false;

  double at(double part) const { return log ? from * std::pow(to / from, part) : from + (to - from) * part; }
  Json written(double number) const;
};

double rounded(double number, int digits) {
  return number == 0 ? 0 : std::stod(fmt::format("{:.{}e}", number, digits - 1));
}

Json Span::written(double number) const {
  if (dimension) return format_quantity(std::llround(rounded(number, 4)), *dimension);
  if (whole) return std::llround(number);
  return rounded(number, 6);
}

// A number, or a quantity whose dimension it tells.
double number_in(const Json& json, const Place& place, std::optional<Dimension>& dimension) {
  if (json.is_number()) return json.get<double>();
  const Mismatch expected{"a number or a quantity", json.is_null() ? "none" : json.dump(), ""};
  if (!json.is_string()) throw InputError{place, expected};
  for (const Dimension each :
       {Dimension::time, Dimension::size, Dimension::rate, Dimension::frequency, Dimension::share}) {
    try {
      const std::int64_t n = parse_quantity(json.get<std::string>(), each, units_of(each).front().name);
      dimension = each;
      return static_cast<double>(n);
    } catch (const Mismatch&) {
      // of another dimension, perhaps
    }
  }
  throw InputError{place, expected};
}

std::pair<Json, Json> range_of_parameter(const Axis& axis, const Setup& setup) {
  constexpr std::string_view kPrefix = "parameters.";
  const Mismatch none{"the keys \"from\" and \"to\"", "none", ""};
  if (!axis.key.starts_with(kPrefix)) throw InputError{axis.origin, none};
  const auto& known = known_parameters(setup.machine, setup.drive);
  const std::string name = axis.key.substr(kPrefix.size());
  const auto entry = std::ranges::find(known, name, &ParameterEntry::key);
  if (entry == known.end()) {
    std::vector<std::string> names;
    for (const ParameterEntry& each : known) names.push_back(each.key);
    throw InputError{axis.origin, Mismatch{"a parameter of the model", in_quotes(name), nearest_name(name, names)}};
  }
  const auto range = likely_range(*entry);
  if (!range) throw InputError{axis.origin, Mismatch{none.expected + ": its entry has no range", "none", ""}};
  return *range;
}

Span span_of(const Axis& axis, const Setup& setup) {
  AxisRange range = *axis.range;
  if (range.from.is_null() && range.to.is_null()) std::tie(range.from, range.to) = range_of_parameter(axis, setup);
  const Place from = axis.origin.below("from"), to = axis.origin.below("to");
  Span span;
  std::optional<Dimension> other;
  span.from = number_in(range.from, from, span.dimension);
  span.to = number_in(range.to, to, other);
  if (span.dimension != other) {
    throw InputError{to, Mismatch{"a value of the same kind as \"from\"", range.to.dump(), ""}};
  }
  span.whole = range.whole.value_or(range.from.is_number_integer() && range.to.is_number_integer());
  span.log = range.scale == AxisRange::Scale::log;
  if (span.to <= span.from) throw InputError{to, Mismatch{"more than \"from\"", range.to.dump(), ""}};
  if (span.log && span.from <= 0) {
    throw InputError{from, Mismatch{"more than 0 on a log scale", range.from.dump(), ""}};
  }
  return span;
}

std::vector<double> numbers_of(const Axis& axis, const Span& span) {
  const AxisRange& range = *axis.range;
  if (range.count.has_value() == !range.step.is_null()) {
    throw InputError{axis.origin, Mismatch{"either a \"count\" or a \"step\"", range.count ? "both" : "neither", ""}};
  }
  std::vector<double> numbers;
  if (range.count) {
    for (std::uint32_t i = 0; i < *range.count; ++i) {
      numbers.push_back(span.at(static_cast<double>(i) / (*range.count - 1)));
    }
    return numbers;
  }
  std::optional<Dimension> dimension;
  const Place place = axis.origin.below("step");
  const double step = number_in(range.step, place, dimension);
  const bool log = range.scale == AxisRange::Scale::log;  // there a step is a factor
  if ((log ? dimension.has_value() : dimension != span.dimension) || step <= (log ? 1 : 0)) {
    throw InputError{place, Mismatch{log ? "a factor of more than 1" : "a step like the ends, of more than 0",
                                     range.step.dump(), ""}};
  }
  const double steps = log ? std::log(span.to / span.from) / std::log(step) : (span.to - span.from) / step;
  if (steps > 1e6) throw InputError{place, Mismatch{"at most a million steps", fmt::format("{:.0f}", steps), ""}};
  for (int i = 0; i <= std::floor(steps + 1e-9); ++i) {
    numbers.push_back(log ? span.from * std::pow(step, i) : span.from + step * i);
  }
  return numbers;
}

}  // namespace

void expand_axes(Experiment& experiment) {
  for (Axis& axis : experiment.vary) {
    if (!axis.range) continue;
    const Span span = span_of(axis, experiment.setup);
    for (const double number : numbers_of(axis, span)) {
      Override value{axis.key, span.written(number), axis.origin};
      if (axis.values.empty() || axis.values.back().value != value.value) axis.values.push_back(std::move(value));
    }
    axis.range.reset();
  }
}

LatinHypercube::LatinHypercube(const Experiment& experiment) : count_{experiment.sample->count} {
  const sim::Random random{experiment.sample->seed};
  for (const Axis& axis : experiment.sample->keys) {
    Column& column = columns_.emplace_back(Column{axis, std::vector<std::uint32_t>(count_), {}});
    if (axis.range) {
      if (axis.range->count || !axis.range->step.is_null()) {
        throw InputError{axis.origin, Mismatch{"a range without \"count\" and \"step\": the sample has the count",
                                               "one of them", ""}};
      }
      const Span span = span_of(axis, experiment.setup);
      column.axis.range->from = span.written(span.from);
      column.axis.range->to = span.written(span.to);
      column.axis.range->whole = span.whole;
    }
    sim::RandomStream stream = random.stream("sample." + axis.key);
    std::iota(column.order.begin(), column.order.end(), 0u);
    for (std::size_t i = count_; i > 1; --i) std::swap(column.order[i - 1], column.order[stream.below(i)]);
    column.within.reserve(count_);
    for (std::size_t i = 0; i < count_; ++i) column.within.push_back(static_cast<float>(stream.real()));
  }
}

std::vector<Override> LatinHypercube::at(std::size_t i) const {
  std::vector<Override> values;
  for (const Column& column : columns_) {
    const double part = (column.order[i] + static_cast<double>(column.within[i])) / static_cast<double>(count_);
    if (!column.axis.range) {
      const auto& list = column.axis.values;
      const auto chosen = static_cast<std::size_t>(part * static_cast<double>(list.size()));
      values.push_back(list[std::min(chosen, list.size() - 1)]);
      continue;
    }
    const Span span = span_of(column.axis, {});
    values.push_back({column.axis.key, span.written(span.at(part)), column.axis.origin});
  }
  return values;
}

}  // namespace runner
