// Which kinds of values settings have; shared by the visitors of settings_table.h.
#pragma once

#include <limits>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "experiments/runner/names.h"
#include "experiments/runner/quantity.h"
#include "experiments/runner/settings_table.h"

namespace runner {

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

template <class T>
inline constexpr bool is_list = false;
template <class T>
inline constexpr bool is_list<std::vector<T>> = true;

template <class T>
inline constexpr bool is_variant = false;
template <class... T>
inline constexpr bool is_variant<std::variant<T...>> = true;

template <class T>
inline constexpr bool is_duration = std::is_same_v<T, sim::Duration>;

// An integer with a unit is a quantity, like a time.
template <class T>
bool is_quantity(const About& about) {
  return is_duration<T> || (std::is_integral_v<T> && !about.unit.empty());
}

template <class Enum>
std::vector<std::string> enum_names() {
  std::vector<std::string> names;
  for (const auto& [value, name] : NamesOf<Enum>::names) names.emplace_back(name);
  return names;
}

template <class Variant>
std::vector<std::string> alternative_names() {
  return {NamesOf<Variant>::names.begin(), NamesOf<Variant>::names.end()};
}

// The largest value that setting and type both allow.
template <class T>
std::int64_t greatest(const About& about) {
  if constexpr (std::is_integral_v<T>) {
    if (std::cmp_less(std::numeric_limits<T>::max(), about.max)) {
      return static_cast<std::int64_t>(std::numeric_limits<T>::max());
    }
  }
  return about.max;
}

// "from 1 to 8", "of at least 1"; empty if nothing limits it but its sign.
inline std::string range_text(const About& about, std::int64_t max) {
  const auto show = [&about](std::int64_t n) {
    return about.unit.empty() ? std::to_string(n) : format_quantity(n, dimension_of(about.unit));
  };
  if (max != INT64_MAX) return "from " + show(about.min) + " to " + show(max);
  return about.min == 0 ? "" : "of at least " + show(about.min);
}

// For lists the limits are its length's, and the rest is about its elements.
inline About about_element(About about) {
  about.min = 0;
  about.max = INT64_MAX;
  return about;
}

}  // namespace runner
