#include "workloads/profiles/profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <string_view>

namespace guest {

namespace {

constexpr std::array<std::string_view, 4> kOrigins = {"measured", "counted", "fitted", "assumed"};

std::filesystem::path file_of(const std::string& name) {
  return std::filesystem::path{RINGZERO_PROFILES} / (name + ".json");
}

std::string read_file(const std::string& name) {
  std::ifstream file{file_of(name)};
  if (!file) {
    throw ProfileError{fmt::format("no profile \"{}\"; there is: {}", name, fmt::join(profile_names(), ", "))};
  }
  return {std::istreambuf_iterator<char>{file}, {}};
}

// The values of one profile file, each taken once; what is left over at the end was not known.
class Values {
 public:
  Values(nlohmann::json values, std::string file) : values_(std::move(values)), file_{std::move(file)} {}

  std::int64_t take(const std::string& key, std::string_view unit, std::int64_t low, std::int64_t high) {
    const auto entry = values_.find(key);
    if (entry == values_.end()) fail(key, "missing");
    for (const char* field : {"unit", "origin", "source", "certainty"}) {
      if (!entry->contains(field) || !(*entry)[field].is_string()) fail(key, fmt::format("needs a {}", field));
    }
    if ((*entry)["unit"] != unit) fail(key, fmt::format("the unit must be \"{}\"", unit));
    const auto origin = (*entry)["origin"].get<std::string>();
    if (std::find(kOrigins.begin(), kOrigins.end(), origin) == kOrigins.end()) {
      fail(key, fmt::format("origin \"{}\" is none of {}", origin, fmt::join(kOrigins, ", ")));
    }
    if (!entry->contains("value") || !(*entry)["value"].is_number_integer()) fail(key, "needs a whole number as value");
    const auto value = (*entry)["value"].get<std::int64_t>();
    if (value < low || value > high) fail(key, fmt::format("{} is not within {} .. {}", value, low, high));
    values_.erase(entry);
    return value;
  }

  void expect_empty() const {
    if (!values_.empty()) fail(values_.begin().key(), "is not a value of a profile");
  }

 private:
  [[noreturn]] void fail(const std::string& key, const std::string& message) const {
    throw ProfileError{fmt::format("{}: values.{}: {}", file_, key, message)};
  }

  nlohmann::json values_;
  std::string file_;
};

// The other files of the folder are the counts of applications, which their programs read.
bool has_values(const std::filesystem::path& path) {
  std::ifstream file{path};
  const auto json = nlohmann::json::parse(file, nullptr, false);
  return json.is_object() && json.contains("values");
}

}  // namespace

std::vector<std::string> profile_names() {
  std::vector<std::string> names;
  for (const auto& file : std::filesystem::directory_iterator{RINGZERO_PROFILES}) {
    if (file.path().extension() == ".json" && has_values(file.path())) names.push_back(file.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

ComputeProfile parse_profile(const std::string& text, const std::string& file, const ProfileValues& instead) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (json.is_discarded()) throw ProfileError{file + ": not valid JSON"};
  if (!json.is_object() || !json.contains("name") || !json["name"].is_string() || !json.contains("values") ||
      !json["values"].is_object()) {
    throw ProfileError{file + ": needs a name and an object of values"};
  }
  constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
  nlohmann::json given = json["values"];
  for (const auto& [key, value] : instead) given[key]["value"] = value;
  Values values{std::move(given), file};
  ComputeProfile profile;
  profile.name = json["name"].get<std::string>();
  profile.resident_pages = static_cast<std::uint32_t>(values.take("resident_pages", "pages", 1, 262'144));
  profile.hot_pages = static_cast<std::uint32_t>(values.take("hot_pages", "pages", 0, profile.resident_pages));
  profile.written_hot_pages =
      static_cast<std::uint32_t>(values.take("written_hot_pages", "pages", 0, profile.hot_pages));
  profile.cache_lines = static_cast<std::uint32_t>(values.take("cache_lines", "lines of 64 B", 0, kMost));
  profile.steady_insertions = values.take("steady_insertions", "lines/s", 0, kMost);
  profile.work_unit = sim::Duration::microseconds(values.take("work_unit", "us", 1, 1'000'000));
  values.expect_empty();
  return profile;
}

ComputeProfile load_profile(const std::string& name, const ProfileValues& instead) {
  return parse_profile(read_file(name), file_of(name).filename().string(), instead);
}

std::vector<model::ParameterEntry> profile_entries(const std::string& name) {
  const std::string text = read_file(name);
  parse_profile(text, file_of(name).filename().string());  // it is in order
  const auto json = nlohmann::json::parse(text);
  std::vector<model::ParameterEntry> entries;
  for (const auto& [key, value] : json["values"].items()) {
    model::ParameterEntry& entry = entries.emplace_back();
    entry.key = name + '.' + key;
    entry.value = value["value"].get<double>();
    entry.unit = value["unit"].get<std::string>();
    entry.origin = value["origin"].get<std::string>();
    entry.source = value["source"].get<std::string>();
    entry.certainty = value["certainty"].get<std::string>();
    if (value.contains("range")) entry.range = {value["range"][0].get<double>(), value["range"][1].get<double>()};
    entry.note = value.value("note", "");
  }
  return entries;
}

}  // namespace guest
