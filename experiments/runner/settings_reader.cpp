#include <algorithm>
#include <utility>

#include "experiments/runner/settings.h"
#include "experiments/runner/settings_types.h"

namespace runner {

namespace {

// A JSON value as an error message shows it.
std::string shown(const Json& json) {
  if (json.is_object()) return "an object";
  if (json.is_array()) return "a list";
  std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return text;
}

[[noreturn]] void mismatch(const Place& place, const std::string& expected, const Json& json) {
  throw InputError{place, Mismatch{expected, shown(json), ""}};
}

void expect_object(const Json& json, const Place& place) {
  if (!json.is_object()) mismatch(place, "an object", json);
}
void expect_list(const Json& json, const Place& place) {
  if (!json.is_array()) mismatch(place, "a list", json);
}

// Visitor: the keys of an object.
struct KeyCollector {
  std::vector<std::string>& keys;

  template <class Member>
  void value(std::string_view key, Member, const About&) {
    keys.emplace_back(key);
  }
  template <class Fill>
  void group(std::string_view key, const About&, Fill) {
    keys.emplace_back(key);
  }
  template <class Member>
  void embedded(Member) {
    describe(*this, static_cast<const Setup*>(nullptr));
  }
};

void expect_known_keys(const Json& json, const Place& place, const std::vector<std::string>& keys) {
  for (const auto& [key, value] : json.items()) {
    if (std::ranges::find(keys, key) != keys.end()) continue;
    std::string nearest = nearest_name(key, keys);
    throw InputError{place.below(key), Mismatch{nearest.empty() ? "one of the keys " + one_of(keys) : "a known key",
                                                "the unknown key " + in_quotes(key), nearest}};
  }
}

template <class T>
void read_value(T& value, const Json& json, const Place& place, const About& about);

template <class Object>
void read_object(Object& object, const Json& json, const Place& place);

// Visitor: fills an object in from JSON. Keys were checked before.
template <class Object>
struct ObjectReader {
  Object& object;
  const Json& json;
  const Place& place;

  template <class Member>
  void value(std::string_view key, Member member, const About& about) {
    const auto found = json.find(std::string{key});
    if (found != json.end()) {
      read_value(member(object), *found, place.below(key), about);
    } else if (about.required) {
      throw InputError{place, Mismatch{"the key " + in_quotes(key), "none", ""}};
    }
  }
  template <class Fill>
  void group(std::string_view key, const About&, Fill fill) {
    const auto found = json.find(std::string{key});
    if (found == json.end()) return;
    const Place inside = place.below(key);
    expect_object(*found, inside);
    std::vector<std::string> keys;
    fill(KeyCollector{keys});
    expect_known_keys(*found, inside, keys);
    fill(ObjectReader{object, *found, inside});
  }
  template <class Member>
  void embedded(Member member) {
    describe(ObjectReader<Setup>{member(object), json, place}, static_cast<const Setup*>(nullptr));
  }
};

template <class Object>
void read_object(Object& object, const Json& json, const Place& place) {
  expect_object(json, place);
  std::vector<std::string> keys;
  describe(KeyCollector{keys}, static_cast<const Object*>(nullptr));
  expect_known_keys(json, place, keys);
  describe(ObjectReader<Object>{object, json, place}, static_cast<const Object*>(nullptr));
}

void read_text(std::string& value, const Json& json, const Place& place, const About& about) {
  if (!json.is_string()) mismatch(place, "a text", json);
  value = json.get<std::string>();
  if (about.choices == nullptr) return;
  const std::vector<std::string> choices = about.choices();
  if (std::ranges::find(choices, value) != choices.end()) return;
  throw InputError{place, Mismatch{one_of(choices), in_quotes(value), nearest_name(value, choices)}};
}

template <class Enum>
void read_enum(Enum& value, const Json& json, const Place& place) {
  const std::vector<std::string> names = enum_names<Enum>();
  if (!json.is_string()) mismatch(place, one_of(names), json);
  const auto text = json.get<std::string>();
  for (const auto& [candidate, name] : NamesOf<Enum>::names) {
    if (text == name) {
      value = candidate;
      return;
    }
  }
  throw InputError{place, Mismatch{one_of(names), in_quotes(text), nearest_name(text, names)}};
}

std::int64_t read_quantity(const Json& json, const Place& place, const About& about, std::int64_t max) {
  const Dimension dimension = dimension_of(about.unit);
  if (!json.is_string() && !json.is_number()) {
    mismatch(place, std::string{name_of(dimension)} + " such as \"" + format_quantity(about.min, dimension) + "\"",
             json);
  }
  std::int64_t n = 0;
  try {
    n = parse_quantity(json.is_string() ? json.get<std::string>() : json.dump(), dimension, about.unit);
  } catch (const Mismatch& problem) {
    throw InputError{place, Mismatch{problem.expected, shown(json), problem.nearest}};
  }
  if (n < about.min || n > max) {
    mismatch(place, std::string{name_of(dimension)} + ' ' + range_text(about, max), json);
  }
  return n;
}

std::int64_t read_integer(const Json& json, const Place& place, const About& about, std::int64_t max) {
  const bool fits = json.is_number_unsigned() ? json.get<std::uint64_t>() <= INT64_MAX : json.is_number_integer();
  if (fits && json.get<std::int64_t>() >= about.min && json.get<std::int64_t>() <= max) return json.get<std::int64_t>();
  std::string range = range_text(about, max);
  mismatch(place, "a whole number " + (range.empty() ? "that is not negative" : range), json);
}

template <class T>
void read_list(std::vector<T>& list, const Json& json, const Place& place, const About& about) {
  expect_list(json, place);
  if (std::cmp_less(json.size(), about.min)) mismatch(place, "a list " + range_text(about, about.max), json);
  list.assign(json.size(), T{});
  for (std::size_t i = 0; i < json.size(); ++i) read_value(list[i], json[i], place.below(i), about_element(about));
}

void read_overrides(std::vector<Override>& overrides, const Json& json, const Place& place) {
  expect_object(json, place);
  for (const auto& [key, value] : json.items()) overrides.push_back({key, value, place.below(key)});
}

void read_parameters(std::vector<Parameter>& parameters, const Json& json, const Place& place) {
  expect_object(json, place);
  parameters.clear();
  for (const auto& [key, value] : json.items()) parameters.push_back({key, value});  // check_parameters() has the units
}

void read_axes(std::vector<Axis>& axes, const Json& json, const Place& place) {
  expect_object(json, place);
  for (const auto& [key, values] : json.items()) {
    const Place inside = place.below(key);
    Axis& axis = axes.emplace_back(Axis{key, {}, {}, inside});
    if (values.is_object()) {
      read_object(axis.range.emplace(), values, inside);
      continue;
    }
    if (!values.is_array()) mismatch(inside, "a list of values, or an object with \"from\" and \"to\"", values);
    if (values.empty()) throw InputError{inside, Mismatch{"a list of at least one value", "an empty one", ""}};
    for (std::size_t i = 0; i < values.size(); ++i) axis.values.push_back({key, values[i], inside.below(i)});
  }
}

template <class... Alternatives>
void read_variant(std::variant<Alternatives...>& value, const Json& json, const Place& place) {
  using Variant = std::variant<Alternatives...>;
  const std::vector<std::string> names = alternative_names<Variant>();
  if (!json.is_object() || json.size() != 1) mismatch(place, "an object with the one key " + one_of(names), json);
  expect_known_keys(json, place, names);
  const std::string name = json.begin().key();
  const auto read_if_named = [&]<std::size_t I>() {
    if (name == names[I]) read_object(value.template emplace<I>(), *json.begin(), place.below(name));
  };
  [&]<std::size_t... I>(std::index_sequence<I...>) { (read_if_named.template operator()<I>(), ...); }
  (std::index_sequence_for<Alternatives...>{});
}

template <class T>
void read_value(T& value, const Json& json, const Place& place, const About& about) {
  if constexpr (std::is_same_v<T, Json>) {
    value = json;
  } else if constexpr (std::is_same_v<T, bool>) {
    if (!json.is_boolean()) mismatch(place, "true or false", json);
    value = json.get<bool>();
  } else if constexpr (is_duration<T>) {
    value = sim::Duration::picoseconds(read_quantity(json, place, about, about.max));
  } else if constexpr (std::is_integral_v<T>) {
    const auto read = is_quantity<T>(about) ? read_quantity : read_integer;
    value = static_cast<T>(read(json, place, about, greatest<T>(about)));
  } else if constexpr (std::is_same_v<T, std::string>) {
    read_text(value, json, place, about);
  } else if constexpr (std::is_enum_v<T>) {
    read_enum(value, json, place);
  } else if constexpr (is_optional<T>) {
    read_value(value.emplace(), json, place, about);
  } else if constexpr (std::is_same_v<T, std::vector<Override>>) {
    read_overrides(value, json, place);
  } else if constexpr (std::is_same_v<T, std::vector<Parameter>>) {
    read_parameters(value, json, place);
  } else if constexpr (std::is_same_v<T, std::vector<Axis>>) {
    read_axes(value, json, place);
  } else if constexpr (is_list<T>) {
    read_list(value, json, place, about);
  } else if constexpr (is_variant<T>) {
    read_variant(value, json, place);
  } else {
    read_object(value, json, place);
  }
}

}  // namespace

void read_settings(Experiment& experiment, const Json& json, const Place& place) {
  read_object(experiment, json, place);
}
void read_settings(Setup& setup, const Json& json, const Place& place) { read_object(setup, json, place); }

std::vector<std::string> setup_keys() {
  std::vector<std::string> keys;
  describe(KeyCollector{keys}, static_cast<const Setup*>(nullptr));
  return keys;
}

}  // namespace runner
