#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "experiments/runner/names.h"
#include "experiments/runner/plan.h"

namespace runner {

namespace {

// The parser takes the last of two equal keys without a word; this finds them while it parses.
class DuplicateKeys {
 public:
  explicit DuplicateKeys(std::string file) : file_{std::move(file)} {}

  bool operator()(int, Json::parse_event_t event, const Json& parsed) {
    switch (event) {
      case Json::parse_event_t::object_start:
        keys_.emplace_back();
        break;
      case Json::parse_event_t::object_end:
        keys_.pop_back();
        break;
      case Json::parse_event_t::key: {
        const auto key = parsed.get<std::string>();
        if (std::ranges::find(keys_.back(), key) != keys_.back().end()) {
          throw InputError{{file_, ""}, Mismatch{"every key of an object once", in_quotes(key) + " twice", ""}};
        }
        keys_.back().push_back(key);
        break;
      }
      default:
        break;
    }
    return true;
  }

 private:
  std::string file_;
  std::vector<std::vector<std::string>> keys_;  // of the objects that are open
};

// "line 3, column 7" of the byte that the parser stopped at (from 1).
std::string line_and_column(const std::string& text, std::size_t byte) {
  const std::size_t end = std::min(byte == 0 ? 0 : byte - 1, text.size());
  const auto line = std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(end), '\n') + 1;
  const std::size_t newline = end == 0 ? std::string::npos : text.rfind('\n', end - 1);
  const std::size_t column = newline == std::string::npos ? end + 1 : end - newline;
  return "line " + std::to_string(line) + ", column " + std::to_string(column);
}

// The parser's message is "[json.exception...] parse error at line ..: syntax error while parsing X - what went wrong".
std::string reason(const std::string& what) {
  const std::size_t dash = what.find(" - ");
  return dash == std::string::npos ? what.substr(what.rfind(": ") + 2) : what.substr(dash + 3);
}

}  // namespace

Json load_json(const std::filesystem::path& file) {
  const Place place{file.string(), ""};
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) throw InputError{place, Mismatch{"a JSON file", "no such file", ""}};
  if (std::filesystem::is_directory(file, ignored)) throw InputError{place, Mismatch{"a JSON file", "a folder", ""}};
  std::ifstream stream{file, std::ios::binary};
  if (!stream) throw InputError{place, Mismatch{"a JSON file", "a file that cannot be read", ""}};
  const std::string text{std::istreambuf_iterator<char>{stream}, {}};
  try {
    return Json::parse(text, DuplicateKeys{place.file});
  } catch (const Json::parse_error& error) {
    throw InputError{place, "at " + line_and_column(text, error.byte) + ": expected JSON, got " + reason(error.what())};
  }
}

}  // namespace runner
