#include "workloads/programs/dbench/load_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>

namespace guest {

namespace {

using Kind = LoadOperation::Kind;

// Which arguments a line has: P a name, H a handle, O an offset, B a number of bytes, C how a file is made, x others.
struct Form {
  std::string_view name;
  Kind kind;
  std::string_view arguments;
};
constexpr std::array kForms{
    Form{"NTCreateX", Kind::create, "PCCH"},
    Form{"Close", Kind::close, "H"},
    Form{"ReadX", Kind::read, "HOBx"},
    Form{"WriteX", Kind::write, "HOBx"},
    Form{"Flush", Kind::flush, "H"},
    Form{"QUERY_PATH_INFORMATION", Kind::query_path, "Px"},
    Form{"QUERY_FILE_INFORMATION", Kind::query_file, "Hx"},
    Form{"QUERY_FS_INFORMATION", Kind::query_system, "x"},
    Form{"SET_FILE_INFORMATION", Kind::set_file, "Hx"},
    Form{"FIND_FIRST", Kind::find, "Pxxx"},
    Form{"Unlink", Kind::unlink, "Px"},
    Form{"Rename", Kind::rename, "PP"},
    Form{"LockX", Kind::lock, "Hxx"},
    Form{"UnlockX", Kind::lock, "Hxx"},
    Form{"Mkdir", Kind::make_directory, "P"},
    Form{"Deltree", Kind::delete_tree, "P"},
};

// Options and dispositions of NT's create call.
constexpr std::uint32_t kDirectoryFile = 0x1;
constexpr std::uint32_t kOpen = 1, kOverwrite = 4, kOverwriteIf = 5;

class Line {
 public:
  Line(std::string_view text, const std::string& where) : rest_{text}, where_{where} {}

  // A word, or what is in quotes; empty: the line ends.
  std::string_view next() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r"), rest_.size()));
    const bool quoted = rest_.starts_with('"');
    if (quoted) rest_.remove_prefix(1);
    const std::size_t end = rest_.find_first_of(quoted ? "\"" : " \t\r");
    if (quoted && end == rest_.npos) fail("a quote is not closed");
    const std::string_view word = rest_.substr(0, end);
    rest_.remove_prefix(std::min(word.size() + (quoted ? 1 : 0), rest_.size()));
    return word;
  }

  std::uint32_t number() {
    std::string_view word = next();
    const int base = word.starts_with("0x") ? 16 : 10;
    if (base == 16) word.remove_prefix(2);
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value, base);
    if (word.empty() || error != std::errc{} || end != word.data() + word.size()) {
      fail(fmt::format("expected a number instead of \"{}\"", word));
    }
    return value;
  }

  [[noreturn]] void fail(const std::string& what) const { throw LoadFileError{where_ + ": " + what}; }

 private:
  std::string_view rest_;
  const std::string& where_;
};

std::string unix_path(std::string_view name) {
  std::string path{name};
  for (char& c : path) {
    if (c == '\\') c = '/';
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return path;
}

class Parser {
 public:
  LoadFile take() { return std::move(file_); }
  std::size_t operations() const { return file_.operations.size(); }

  void add(std::string_view text, const std::string& where) {
    Line line{text, where};
    const std::string_view name = line.next();
    if (name.empty() || name.starts_with('#')) return;
    const auto form = std::ranges::find(kForms, name, &Form::name);
    if (form == kForms.end()) line.fail(fmt::format("\"{}\" is no operation of a load file", name));
    LoadOperation operation{.kind = form->kind};
    std::optional<std::uint32_t> options;
    bool first_path = true;
    for (const char argument : form->arguments) {
      switch (argument) {
        case 'P': {
          (first_path ? operation.path : operation.to) = path(line.next(), line);
          first_path = false;
          break;
        }
        case 'H':
          operation.handle = line.number();
          break;
        case 'O':
          operation.offset = line.number();
          break;
        case 'B':
          operation.bytes = line.number();
          break;
        case 'C':
          if (!options) {
            options = line.number();
          } else {
            set_disposition(operation, *options, line.number());
          }
          break;
        default:
          line.next();
      }
    }
    const std::string_view status = line.next();
    if (!status.starts_with("NT_STATUS_")) line.fail("expected a status at its end");
    operation.done = status == "NT_STATUS_OK";
    file_.operations.push_back(operation);
  }

 private:
  static void set_disposition(LoadOperation& operation, std::uint32_t options, std::uint32_t disposition) {
    operation.directory = (options & kDirectoryFile) != 0;
    operation.make = disposition != kOpen && disposition != kOverwrite;
    operation.empty = disposition == kOverwrite || disposition == kOverwriteIf;
  }

  std::uint32_t path(std::string_view name, const Line& line) {
    if (name.empty()) line.fail("expected a name");
    const auto [place, fresh] = numbers_.try_emplace(unix_path(name), static_cast<std::uint32_t>(file_.paths.size()));
    if (fresh) file_.paths.push_back(place->first);
    return place->second;
  }

  LoadFile file_;
  std::map<std::string, std::uint32_t> numbers_;
};

}  // namespace

LoadFile parse_load_file(std::string_view text, const std::string& name, std::size_t most) {
  Parser parser;
  std::size_t number = 1;
  while (!text.empty() && parser.operations() < most) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    parser.add(text.substr(0, end), fmt::format("{}:{}", name, number++));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parser.take();
}

LoadFile read_load_file(const std::string& file, std::size_t most) {
  std::ifstream in{file, std::ios::binary};
  if (!in) throw LoadFileError{file + ": cannot be read"};
  const std::string text{std::istreambuf_iterator<char>{in}, {}};
  return parse_load_file(text, file, most);
}

}  // namespace guest
