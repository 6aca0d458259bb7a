#include "model/parameter_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <type_traits>

namespace model {

namespace {

using Json = nlohmann::json;

std::int64_t picoseconds_per(std::string_view unit) { return unit == "ns" ? 1'000 : 1'000'000; }

// What was expected, if `value` does not fit the field.
const char* store(const ParameterField& field, double value) {
  return std::visit(
      [&](auto* target) -> const char* {
        using Field = std::remove_reference_t<decltype(*target)>;
        if constexpr (std::is_same_v<Field, sim::Duration>) {
          const double ps = value * static_cast<double>(picoseconds_per(field.unit));
          if (!(ps >= 0 && ps < 9e18)) return "a number that is not negative";
          *target = sim::Duration::picoseconds(std::llround(ps));
        } else {
          constexpr const char* kExpected = "a whole number that is not negative";
          if (!(value >= 0 && value < 9e15) || value != std::floor(value)) return kExpected;
          if constexpr (std::is_same_v<Field, sim::Cycles>) {
            *target = sim::Cycles{static_cast<std::int64_t>(value)};
          } else {
            if (value > static_cast<double>(std::numeric_limits<Field>::max())) return kExpected;
            *target = static_cast<Field>(value);
          }
        }
        return nullptr;
      },
      field.target);
}

// One file while it is read.
class Reader {
 public:
  Reader(const Json& document, const std::string& name) : document_{document}, name_{name} {}

  bool has(const std::string& key) const { return find(key) != nullptr; }

  // `key` is empty for the document itself.
  std::string text(const Json& entry, const std::string& key, const std::string& attribute) const {
    const std::string path = key.empty() ? attribute : key + "." + attribute;
    const auto found = entry.find(attribute);
    if (found == entry.end()) fail(path, "missing");
    if (!found->is_string() || found->get_ref<const std::string&>().empty()) fail(path, "expected a text");
    return found->get<std::string>();
  }

  ParameterEntry entry(const std::string& key, const char* unit) const {
    const Json* at = find(key);
    if (at == nullptr) fail(key, "missing");
    const Json& node = *at;
    if (!node.is_object()) fail(key, "expected an object with value, unit, origin, source, certainty");
    for (const auto& [attribute, unused] : node.items()) {
      static const std::set<std::string> kKnown = {"value", "unit",      "origin",     "source", "certainty",
                                                   "range", "fitted_on", "confidence", "note"};
      if (!kKnown.contains(attribute)) fail(key + "." + attribute, "unknown attribute");
    }
    ParameterEntry result;
    result.key = key;
    if (!node.contains("value") || !node["value"].is_number()) fail(key + ".value", "expected a number");
    result.value = node["value"].get<double>();
    result.unit = text(node, key, "unit");
    if (result.unit != unit) fail(key + ".unit", fmt::format("expected \"{}\", found \"{}\"", unit, result.unit));
    result.origin = one_of(node, key, "origin", {"measured", "counted", "fitted", "assumed"});
    result.source = text(node, key, "source");
    result.certainty = one_of(node, key, "certainty", {"high", "medium", "low"});
    if (node.contains("range")) result.range = interval(node, key, "range", result.value);
    if (result.origin == "assumed" && !result.range) fail(key + ".range", "missing: what is assumed has a range");
    if (node.contains("fitted_on") || node.contains("confidence")) read_fit(node, result);
    if (node.contains("note")) result.note = text(node, key, "note");
    return result;
  }

  // Throws on anything that is neither a known key nor on the way to one.
  void reject_unknown(const std::set<std::string>& known) const { reject_unknown(document_, "", known); }

  [[noreturn]] void fail(const std::string& path, const std::string& message) const {
    throw ParameterError(name_, path, message);
  }

 private:
  const Json* find(const std::string& key) const {
    const Json* node = &document_;
    std::istringstream parts{key};
    for (std::string part; std::getline(parts, part, '.');) {
      const auto found = node->is_object() ? node->find(part) : node->end();
      if (found == node->end()) return nullptr;
      node = &*found;
    }
    return node;
  }

  std::string one_of(const Json& entry, const std::string& key, const char* attribute,
                     std::initializer_list<const char*> allowed) const {
    const std::string found = text(entry, key, attribute);
    if (std::find(allowed.begin(), allowed.end(), found) == allowed.end()) {
      fail(key + "." + attribute, fmt::format("expected one of {}, found \"{}\"", fmt::join(allowed, ", "), found));
    }
    return found;
  }

  ParameterEntry::Interval interval(const Json& entry, const std::string& key, const char* attribute,
                                    double value) const {
    const std::string path = key + "." + attribute;
    const Json& node = entry[attribute];
    if (!node.is_array() || node.size() != 2 || !node[0].is_number() || !node[1].is_number()) {
      fail(path, "expected [low, high]");
    }
    const ParameterEntry::Interval result{node[0].get<double>(), node[1].get<double>()};
    if (!(result.first <= value && value <= result.second)) fail(path, "does not hold the value");
    return result;
  }

  void read_fit(const Json& node, ParameterEntry& entry) const {
    if (entry.origin != "fitted") fail(entry.key + ".origin", "only what is fitted has fitted_on and confidence");
    if (!node.contains("fitted_on") || !node["fitted_on"].is_array() || node["fitted_on"].empty()) {
      fail(entry.key + ".fitted_on", "expected the ids of published values");
    }
    for (const Json& id : node["fitted_on"]) {
      if (!id.is_string()) fail(entry.key + ".fitted_on", "expected the ids of published values");
      entry.fitted_on.push_back(id.get<std::string>());
    }
    if (node.contains("confidence")) entry.confidence = interval(node, entry.key, "confidence", entry.value);
  }

  void reject_unknown(const Json& node, const std::string& path, const std::set<std::string>& known) const {
    for (const auto& [part, child] : node.items()) {
      const std::string key = path.empty() ? part : path + "." + part;
      if (known.contains(key)) continue;
      const auto longer = known.lower_bound(key + ".");
      const bool leads_on = longer != known.end() && longer->compare(0, key.size() + 1, key + ".") == 0;
      if (!leads_on || !child.is_object()) fail(key, "unknown key");
      reject_unknown(child, key, known);
    }
  }

  const Json& document_;
  const std::string& name_;
};

std::uint64_t fnv1a(std::uint64_t hash, std::string_view text) {
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

}  // namespace

ParameterText read_parameter_text(const std::string& path) {
  std::ifstream stream{path, std::ios::binary};
  if (!stream) throw ParameterError(path, "", "cannot be read");
  std::ostringstream text;
  text << stream.rdbuf();
  return {path, text.str()};
}

const ParameterEntry* ParameterTable::find(std::string_view key) const {
  const auto found =
      std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.key == key; });
  return found == entries_.end() ? nullptr : &*found;
}

void ParameterTable::read(const ParameterText& text, const ParameterFields& fields) {
  Json document;
  try {
    document = Json::parse(text.text);
  } catch (const Json::parse_error& error) {
    throw ParameterError(text.name, "", error.what());
  }
  const Reader reader{document, text.name};
  if (!document.is_object()) reader.fail("", "expected an object");
  hash_ = fnv1a(hash_, text.text);
  const std::string own_name = reader.text(document, "", "name"), about = reader.text(document, "", "description");
  if (entries_.empty()) {
    name = own_name;
    description = about;
  }
  std::set<std::string> known = {"name", "description"};
  for (const ParameterField& field : fields) known.insert(field.key);
  reader.reject_unknown(known);
  for (const ParameterField& field : fields) {
    if (!field.required && !reader.has(field.key)) continue;
    Entry entry = reader.entry(field.key, field.unit);
    if (const char* expected = store(field, entry.value)) {
      reader.fail(field.key + ".value", fmt::format("expected {}, found {}", expected, entry.value));
    }
    entries_.push_back(std::move(entry));
  }
}

void ParameterTable::add_table(const ParameterText& table) { hash_ = fnv1a(hash_, table.text); }

void ParameterTable::assign(std::string_view key, double value, const ParameterFields& fields) {
  const auto entry =
      std::find_if(entries_.begin(), entries_.end(), [&](const Entry& candidate) { return candidate.key == key; });
  if (entry == entries_.end()) throw ParameterError(name, std::string{key}, "unknown key");
  const auto field =
      std::find_if(fields.begin(), fields.end(), [&](const ParameterField& candidate) { return candidate.key == key; });
  if (const char* expected = store(*field, value)) {
    throw ParameterError(name, entry->key, fmt::format("expected {}, found {}", expected, value));
  }
  entry->value = value;
}

}  // namespace model
