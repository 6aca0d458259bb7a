// Numbers of the model as files: every value with its unit, where it comes from and how certain it is.
//
// A typed table (a machine, a kernel's paths) is a structure of its own that says which key goes into which field;
// reading, overriding, enumerating and every complaint are here, so that all tables behave alike.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "sim/time.h"

namespace model {

// What is wrong with a parameter file, and where: the path is the dotted key, such as "memory.line_refill.unit".
class ParameterError : public std::runtime_error {
 public:
  ParameterError(const std::string& file, const std::string& path, const std::string& message)
      : std::runtime_error{file + ": " + (path.empty() ? "" : path + ": ") + message}, path_{path} {}
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

struct ParameterEntry {
  using Interval = std::pair<double, double>;

  std::string key;
  double value = 0;
  std::string unit;
  std::string origin;  // measured, counted, fitted or assumed
  std::string source;
  std::string certainty;               // high, medium or low
  std::optional<Interval> range;       // that it is likely in; what is assumed has one
  std::vector<std::string> fitted_on;  // ids of the published values that a fitted one was fitted on
  std::optional<Interval> confidence;  // of a fitted one, 95 %
  std::string note;
};

// Where the value of a key goes. The entry's unit must be this one; a Duration's is "ns" or "us".
struct ParameterField {
  using Target = std::variant<std::uint32_t*, std::int64_t*, std::uint64_t*, sim::Cycles*, sim::Duration*>;

  std::string key;
  const char* unit;
  Target target;
  bool required = true;  // else the field keeps its value when the file does not have the key
};
using ParameterFields = std::vector<ParameterField>;

// A file's text; `name` stands for it in messages.
struct ParameterText {
  std::string name;
  std::string text;
};
ParameterText read_parameter_text(const std::string& path);  // throws ParameterError

// What every typed table has beside its fields: the entries behind them.
class ParameterTable {
 public:
  using Entry = ParameterEntry;

  std::string name;  // of the first file read
  std::string description;

  const std::vector<Entry>& entries() const { return entries_; }  // in the order of the fields
  const Entry* find(std::string_view key) const;
  std::uint64_t hash() const { return hash_; }  // of the texts read (FNV-1a)

 protected:
  ParameterTable() = default;
  // Fills all `fields` from the text, which must have no other keys. Throws ParameterError.
  void read(const ParameterText& text, const ParameterFields& fields);
  // Takes the text of a table that belongs to the file into the hash.
  void add_table(const ParameterText& table);
  // Overrides one value, in the unit of its entry. Throws ParameterError, and then has changed nothing.
  void assign(std::string_view key, double value, const ParameterFields& fields);

 private:
  std::vector<Entry> entries_;
  std::uint64_t hash_ = 0xcbf29ce484222325;
};

}  // namespace model
