#include "experiments/runner/overrides.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "experiments/runner/names.h"

namespace runner {

namespace {

std::optional<std::size_t> as_index(const std::string& text) {
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), index);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return index;
}

// The names of parameters have dots themselves: what comes after "parameters." is one name.
constexpr std::string_view kParameters = "parameters";

std::vector<std::string> parts_of(const std::string& key) {
  if (key.starts_with(kParameters) && key[kParameters.size()] == '.') {
    return {std::string{kParameters}, key.substr(kParameters.size() + 1)};
  }
  std::vector<std::string> parts{""};
  for (const char c : key) {
    if (c == '.') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

std::size_t element_of(const Json& list, const std::string& name, const std::string& list_key, const Place& origin) {
  const auto index = as_index(name);
  if (index && *index < list.size()) return *index;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const Json& element = list[i];
    if (!element.is_object() || !element.contains("name") || !element["name"].is_string()) continue;
    names.push_back(element["name"].get<std::string>());
    if (names.back() == name) return i;
  }
  const std::string elements = "an element of \"" + list_key + "\": its index (there are " +
                               std::to_string(list.size()) + ")" + (names.empty() ? "" : " or " + one_of(names));
  throw InputError{origin, Mismatch{elements, in_quotes(name), nearest_name(name, names)}};
}

}  // namespace

void OverlaidJson::set(const Override& override) {
  Json* at = &document_;
  Place pointer{"", ""};
  std::string parent = "";
  for (const std::string& name : parts_of(override.key)) {
    if (name.empty()) throw InputError{override.origin, Mismatch{"a dotted key", in_quotes(override.key), ""}};
    if (at->is_array()) {
      const std::size_t index = element_of(*at, name, parent, override.origin);
      at = &(*at)[index];
      pointer = pointer.below(index);
    } else {
      if (at->is_null()) *at = Json::object();
      if (!at->is_object()) {
        throw InputError{override.origin, Mismatch{"a key below an object or list", in_quotes(override.key), ""}};
      }
      at = &(*at)[name];
      pointer = pointer.below(name);
    }
    parent = name;
  }
  *at = override.value;
  origins_.emplace_back(pointer.path, override.origin);
}

InputError OverlaidJson::relocated(const InputError& error) const {
  if (error.file() != place_.file) return error;
  for (auto last = origins_.rbegin(); last != origins_.rend(); ++last) {
    const auto& [pointer, origin] = *last;
    const std::string& path = error.json_path();
    if (!path.starts_with(pointer) || (path.size() > pointer.size() && path[pointer.size()] != '/')) continue;
    return InputError{{origin.file, origin.path + path.substr(pointer.size())}, error.message(), error.nearest()};
  }
  return error;
}

Override parse_assignment(const std::string& assignment) {
  const Place origin{"--set " + assignment, ""};
  const std::size_t equals = assignment.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw InputError{origin, Mismatch{"key=value", in_quotes(assignment), ""}};
  }
  const std::string text = assignment.substr(equals + 1);
  Json value = Json::parse(text, nullptr, false);
  if (value.is_discarded()) value = text;
  return {assignment.substr(0, equals), std::move(value), origin};
}

}  // namespace runner
