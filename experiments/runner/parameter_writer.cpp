#include "experiments/runner/parameter_writer.h"

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <string_view>

#include "experiments/runner/known_names.h"
#include "experiments/runner/names.h"

namespace runner {

namespace {

struct Span {
  std::size_t begin, end;
};

// Walks over a JSON text, which is valid, and finds where the value of a dotted key stands.
class EntryFinder {
 public:
  EntryFinder(std::string_view text, std::string_view key) : text_{text}, key_{key} {}

  std::optional<Span> find() {
    value("");
    return found_;
  }

 private:
  void space() { at_ = std::min(text_.find_first_not_of(" \t\r\n,:", at_), text_.size()); }

  std::string string() {
    const std::size_t begin = at_++;
    while (text_[at_] != '"') at_ += text_[at_] == '\\' ? 2 : 1;
    ++at_;
    return std::string{text_.substr(begin + 1, at_ - begin - 2)};
  }

  void members(const std::string& path) {
    for (++at_, space(); text_[at_] != '}'; space()) {
      const std::string name = string();
      space();
      value(path.empty() ? name : path + '.' + name);
    }
    ++at_;
  }

  void elements() {
    for (++at_, space(); text_[at_] != ']'; space()) value("[]");
    ++at_;
  }

  void value(const std::string& path) {
    space();
    const std::size_t begin = at_;
    if (text_[at_] == '{') {
      members(path);
      if (path == key_) found_ = Span{begin, at_};
    } else if (text_[at_] == '[') {
      elements();
    } else if (text_[at_] == '"') {
      string();
    } else {
      at_ = std::min(text_.find_first_of(",}] \t\r\n", at_), text_.size());
    }
  }

  std::string_view text_, key_;
  std::size_t at_ = 0;
  std::optional<Span> found_;
};

// As the parameter files are written: one line, with a blank after each colon and comma.
std::string in_one_line(const Json& json) {
  if (!json.is_structured()) return json.dump();
  std::string text;
  for (auto each = json.begin(); each != json.end(); ++each) {
    if (!text.empty()) text += ", ";
    if (json.is_object()) text += Json(each.key()).dump() + ": ";
    text += in_one_line(*each);
  }
  return json.is_object() ? '{' + text + '}' : '[' + text + ']';
}

Json number(double value) {
  const auto whole = static_cast<std::int64_t>(value);
  return static_cast<double>(whole) == value ? Json(whole) : Json(value);
}

}  // namespace

std::string with_fitted_value(const std::string& text, const FittedValue& value, const std::string& source) {
  const std::optional<Span> span = EntryFinder{text, value.key}.find();
  if (!span) throw std::invalid_argument{"no entry " + value.key};
  if (!value.pinned) return text;  // the data say nothing of it
  Json entry = Json::parse(text.substr(span->begin, span->end - span->begin));
  entry["value"] = number(value.value);
  entry["origin"] = "fitted";
  entry["source"] = source;
  entry["certainty"] = "medium";
  entry["fitted_on"] = value.ids;
  entry.erase("range");  // where its author believed it to lie
  entry["confidence"] = {number(value.low), number(value.high)};
  return text.substr(0, span->begin) + in_one_line(entry) + text.substr(span->end);
}

bool has_entry(const std::string& text, const std::string& key) { return EntryFinder{text, key}.find().has_value(); }

std::filesystem::path file_of_parameter(const std::string& key, const std::string& machine) {
  std::vector<std::filesystem::path> files{machine_path(machine)};
  for (const auto& each : std::filesystem::recursive_directory_iterator{root() / "workloads"}) {
    if (each.path().extension() == ".json") files.push_back(each.path());
  }
  std::sort(files.begin() + 1, files.end());
  for (const std::filesystem::path& file : files) {
    if (has_entry(model::read_parameter_text(file.string()).text, key)) return file;
  }
  throw InputError{{"calibration", ""}, "no parameter file has " + in_quotes(key)};
}

}  // namespace runner
