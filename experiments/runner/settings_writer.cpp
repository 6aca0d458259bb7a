#include <fmt/format.h>

#include "experiments/runner/parameters.h"
#include "experiments/runner/settings.h"
#include "experiments/runner/settings_types.h"

namespace runner {

namespace {

template <class T>
Json write_value(const T& value, const About& about);

// Visitor: an object as JSON. An optional that holds nothing is left out.
template <class Object>
struct ObjectWriter {
  const Object& object;
  Json& json;

  template <class Member>
  void value(std::string_view key, Member member, const About& about) {
    Json written = write_value(member(object), about);
    if (!written.is_null()) json[std::string{key}] = std::move(written);
  }
  template <class Fill>
  void group(std::string_view key, const About&, Fill fill) {
    Json& inside = json[std::string{key}] = Json::object();
    fill(ObjectWriter{object, inside});
  }
};

template <class Object>
Json write_object(const Object& object) {
  Json json = Json::object();
  describe(ObjectWriter<Object>{object, json}, static_cast<const Object*>(nullptr));
  return json;
}

template <class T>
Json write_value(const T& value, const About& about) {
  if constexpr (is_duration<T>) {
    return format_quantity(value.picoseconds(), Dimension::time);
  } else if constexpr (std::is_same_v<T, bool>) {
    return value;
  } else if constexpr (std::is_integral_v<T>) {
    if (!is_quantity<T>(about)) return value;
    return format_quantity(static_cast<std::int64_t>(value), dimension_of(about.unit));
  } else if constexpr (std::is_same_v<T, std::string> || std::is_same_v<T, Json>) {
    return value;
  } else if constexpr (std::is_enum_v<T>) {
    for (const auto& [candidate, name] : NamesOf<T>::names) {
      if (candidate == value) return name;
    }
    return nullptr;
  } else if constexpr (is_optional<T>) {
    return value ? write_value(*value, about) : Json(nullptr);
  } else if constexpr (std::is_same_v<T, std::vector<Parameter>>) {
    Json parameters;  // none: left out
    for (const Parameter& parameter : value) parameters[parameter.key] = parameter.value;
    return parameters;
  } else if constexpr (is_list<T>) {
    Json list = Json::array();
    for (const auto& element : value) list.push_back(write_value(element, about_element(about)));
    return list;
  } else if constexpr (is_variant<T>) {
    return Json{{alternative_names<T>()[value.index()],
                 std::visit([](const auto& alternative) { return write_object(alternative); }, value)}};
  } else {
    return write_object(value);
  }
}

// --- JSON Schema ---------------------------------------------------------------------------------------------------

template <class T>
Json value_schema(const About& about);

// Visitor: the schema of an object.
template <class Object>
struct SchemaWriter {
  const Object& defaults;
  Json& schema;

  template <class Member>
  void value(std::string_view key, Member member, const About& about) {
    using T = std::remove_cvref_t<decltype(member(defaults))>;
    Json& property = schema["properties"][std::string{key}] = value_schema<T>(about);
    property["description"] = about.text;
    if (about.required) {
      schema["required"].push_back(key);
    } else if constexpr (std::is_integral_v<T> || std::is_enum_v<T> || is_duration<T> ||
                         std::is_same_v<T, std::string>) {
      property["default"] = write_value(member(defaults), about);
    }
  }
  template <class Fill>
  void group(std::string_view key, const About& about, Fill fill) {
    Json& property = schema["properties"][std::string{key}];
    property = {{"type", "object"}, {"additionalProperties", false}, {"description", about.text}};
    fill(SchemaWriter{defaults, property});
  }
  template <class Member>
  void embedded(Member member) {
    describe(SchemaWriter<Setup>{member(defaults), schema}, static_cast<const Setup*>(nullptr));
  }
};

template <class Object>
Json object_schema() {
  Json schema{{"type", "object"}, {"additionalProperties", false}};
  const Object defaults{};
  describe(SchemaWriter<Object>{defaults, schema}, static_cast<const Object*>(nullptr));
  return schema;
}

Json quantity_schema(const About& about) {
  std::vector<std::string_view> units;
  for (const Unit& unit : units_of(dimension_of(about.unit))) units.push_back(unit.name);
  const std::string pattern = fmt::format(R"(^ *([0-9]+\.?[0-9]*|\.[0-9]+) *({})? *$)", fmt::join(units, "|"));
  const Json number{{"type", "number"}, {"minimum", 0}};
  const Json text{{"type", "string"}, {"pattern", pattern}};
  return {{"anyOf", Json::array({number, text})}, {"$comment", "a plain number is in " + std::string{about.unit}}};
}

template <class... Alternatives>
Json variant_schema(const std::variant<Alternatives...>*) {
  Json schemas = Json::array();
  for (const Json& alternative : {object_schema<Alternatives>()...}) {
    const std::string name = alternative_names<std::variant<Alternatives...>>()[schemas.size()];
    Json properties = Json::object();
    properties[name] = alternative;
    schemas.push_back({{"type", "object"},
                       {"additionalProperties", false},
                       {"required", Json::array({name})},
                       {"properties", properties}});
  }
  return {{"oneOf", schemas}};
}

template <class T>
Json value_schema(const About& about) {
  if constexpr (std::is_same_v<T, Json>) {
    return Json::object();
  } else if constexpr (std::is_same_v<T, bool>) {
    return {{"type", "boolean"}};
  } else if constexpr (is_duration<T>) {
    return quantity_schema(about);
  } else if constexpr (std::is_integral_v<T>) {
    if (is_quantity<T>(about)) return quantity_schema(about);
    return {{"type", "integer"}, {"minimum", about.min}, {"maximum", greatest<T>(about)}};
  } else if constexpr (std::is_same_v<T, std::string>) {
    Json schema{{"type", "string"}};
    if (about.choices != nullptr) schema["enum"] = about.choices();
    return schema;
  } else if constexpr (std::is_enum_v<T>) {
    return {{"type", "string"}, {"enum", enum_names<T>()}};
  } else if constexpr (is_optional<T>) {
    return value_schema<typename T::value_type>(about);
  } else if constexpr (std::is_same_v<T, std::vector<Override>>) {
    return {{"type", "object"}};
  } else if constexpr (std::is_same_v<T, std::vector<Parameter>>) {
    return {{"type", "object"}, {"additionalProperties", {{"type", {"number", "string"}}, {"minimum", 0}}}};
  } else if constexpr (std::is_same_v<T, std::vector<Axis>>) {
    const Json list{{"type", "array"}, {"minItems", 1}};
    return {{"type", "object"}, {"additionalProperties", {{"anyOf", Json::array({list, object_schema<AxisRange>()})}}}};
  } else if constexpr (is_list<T>) {
    return {{"type", "array"},
            {"minItems", about.min},
            {"items", value_schema<typename T::value_type>(about_element(about))}};
  } else if constexpr (is_variant<T>) {
    return variant_schema(static_cast<const T*>(nullptr));
  } else {
    return object_schema<T>();
  }
}

// --- documentation -------------------------------------------------------------------------------------------------

template <class T>
std::string type_text(const About& about) {
  if constexpr (is_optional<T>) {
    return type_text<typename T::value_type>(about);
  } else if constexpr (std::is_same_v<T, bool>) {
    return "true or false";
  } else if constexpr (is_duration<T> || std::is_integral_v<T>) {
    if (!is_quantity<T>(about)) return "a whole number";
    return std::string{name_of(dimension_of(about.unit))} + " (a plain number is in " + std::string{about.unit} + ")";
  } else if constexpr (std::is_same_v<T, std::string> || std::is_enum_v<T>) {
    return "a text";
  } else if constexpr (std::is_same_v<T, std::vector<Override>> || std::is_same_v<T, std::vector<Axis>> ||
                       std::is_same_v<T, std::vector<Parameter>>) {
    return "an object";
  } else if constexpr (is_list<T>) {
    return "a list";
  } else if constexpr (std::is_same_v<T, Json>) {
    return "any value";
  } else {
    return "an object";
  }
}

// Visitor: the documentation of an object's settings and of what is below them.
template <class Object>
struct Documenter {
  const Object& defaults;
  std::string prefix;
  std::vector<Documentation>& out;

  template <class Member>
  void value(std::string_view key, Member member, const About& about) {
    using T = std::remove_cvref_t<decltype(member(defaults))>;
    const std::string path = prefix + std::string{key};
    Documentation entry{
        path, type_text<T>(about), "", "", about.required, std::string{about.text}, std::string{about.source}};
    if (about.choices != nullptr) entry.range = one_of(about.choices());
    if constexpr (std::is_enum_v<T>) entry.range = one_of(enum_names<T>());
    if constexpr ((std::is_integral_v<T> && !std::is_same_v<T, bool>) || is_duration<T>) {
      entry.range = range_text(about, greatest<T>(about));
    }
    if constexpr (std::is_integral_v<T> || std::is_enum_v<T> || is_duration<T> || std::is_same_v<T, std::string>) {
      const Json standard = write_value(member(defaults), about);
      if (!about.required) entry.standard = standard.is_string() ? standard.get<std::string>() : standard.dump();
    }
    out.push_back(std::move(entry));
    below(static_cast<const T*>(nullptr), path);
  }
  template <class Fill>
  void group(std::string_view key, const About& about, Fill fill) {
    const std::string path = prefix + std::string{key};
    out.push_back({path, "an object", "", "", false, std::string{about.text}, std::string{about.source}});
    fill(Documenter{defaults, path + '.', out});
  }
  template <class Member>
  void embedded(Member member) {
    describe(Documenter<Setup>{member(defaults), prefix, out}, static_cast<const Setup*>(nullptr));
  }

 private:
  template <class T>
  void below(const T*, const std::string& path) {
    if constexpr (std::is_class_v<T> && requires { describe(*this, static_cast<const T*>(nullptr)); }) {
      const T nested{};
      describe(Documenter<T>{nested, path + '.', out}, static_cast<const T*>(nullptr));
    }
  }
  template <class T>
  void below(const std::optional<T>*, const std::string& path) {
    below(static_cast<const T*>(nullptr), path);
  }
  template <class T>
  void below(const std::vector<T>*, const std::string& path) {
    below(static_cast<const T*>(nullptr), path + "[]");
  }
  void below(const std::vector<Axis>*, const std::string& path) {
    below(static_cast<const AxisRange*>(nullptr), path + ".KEY");
  }
  template <class... Alternatives>
  void below(const std::variant<Alternatives...>*, const std::string& path) {
    std::size_t i = 0;
    (below(static_cast<const Alternatives*>(nullptr),
           path + '.' + alternative_names<std::variant<Alternatives...>>()[i++]),
     ...);
  }
};

// "domains[].memory" is also asked for as "domains.memory".
std::string without_brackets(std::string path) {
  for (auto at = path.find("[]"); at != std::string::npos; at = path.find("[]")) path.erase(at, 2);
  return path;
}

// A number of the model, as if it were a setting of its own.
Documentation parameter_documentation(const ParameterEntry& entry) {
  std::string origin = "Origin: " + entry.origin + "; certainty: " + entry.certainty + '.';
  if (!entry.fitted_on.empty()) origin += fmt::format(" Fitted on {}.", fmt::join(entry.fitted_on, ", "));
  if (!entry.note.empty()) origin += ' ' + entry.note;
  const std::string range =
      entry.range        ? fmt::format("likely from {} to {}", entry.range->first, entry.range->second)
      : entry.confidence ? fmt::format("95 % interval {} to {}", entry.confidence->first, entry.confidence->second)
                         : "";
  return {"parameters." + entry.key,
          "a number of " + entry.unit,
          range,
          fmt::format("{} {}", entry.value, entry.unit),
          false,
          std::move(origin),
          entry.source};
}

}  // namespace

Json write_settings(const Setup& setup) { return write_object(setup); }

Json schema() {
  Json schema{{"$schema", "https://json-schema.org/draft/2020-12/schema"}, {"title", "Ringzero experiment"}};
  schema.update(object_schema<Experiment>());
  return schema;
}

std::vector<Documentation> documentation() {
  std::vector<Documentation> out;
  const Experiment defaults{};
  describe(Documenter<Experiment>{defaults, "", out}, static_cast<const Experiment*>(nullptr));
  return out;
}

std::vector<Documentation> explain(const std::string& key) {
  std::vector<Documentation> all = documentation();
  for (const ParameterEntry& entry : known_parameters(Setup{}.machine, kPaperDrive))
    all.push_back(parameter_documentation(entry));
  std::vector<Documentation> found;
  std::vector<std::string> names;
  for (const Documentation& entry : all) {
    const std::string path = without_brackets(entry.path);
    if (path == without_brackets(key)) return {entry};
    if (path.ends_with('.' + key)) found.push_back(entry);
    names.push_back(path);
    if (path.starts_with("parameters.")) names.push_back(path.substr(path.find('.') + 1));
    names.push_back(path.substr(path.rfind('.') + 1));
  }
  if (found.empty()) throw InputError{{"explain", ""}, Mismatch{"a setting", in_quotes(key), nearest_name(key, names)}};
  return found;
}

}  // namespace runner
