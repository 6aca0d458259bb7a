// fio's iolog: a text file whose first line tells the version, then a line per action. HOWTO of fio 3.33, "Trace file
// format v2" and "v3".
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <fstream>
#include <sstream>

#include "workloads/programs/recorded_accesses.h"

namespace guest {

namespace {

constexpr std::size_t kLongestLine = 4096;

class IologReader {
 public:
  IologReader(const std::filesystem::path& path, RecordedAccesses& accesses)
      : file_{path.string()}, stream_{path}, accesses_{accesses} {}

  void read() {
    if (!next_line()) throw DiskWorkloadError{file_ + ": cannot be read"};
    if (text_ == "fio version 2 iolog") {
      version_ = 2;
    } else if (text_ == "fio version 3 iolog") {
      version_ = 3;
    } else {
      fail_here("expected \"fio version 2 iolog\" or \"fio version 3 iolog\"");
    }
    while (next_line()) {
      split();
      if (!fields_.empty()) action();
    }
  }

 private:
  [[noreturn]] void fail_here(const std::string& message) const { fail(file_, line_, message); }

  // Of binary garbage the first line may be all of it: lines are bounded.
  bool next_line() {
    ++line_;
    std::array<char, kLongestLine> buffer;
    stream_.getline(buffer.data(), buffer.size());
    if (stream_.fail()) {
      if (!stream_.eof()) fail_here("a line that is longer than 4095 characters");
      return false;
    }
    text_.assign(buffer.data(), static_cast<std::size_t>(stream_.gcount()) - (stream_.eof() ? 0 : 1));
    if (text_.ends_with('\r')) text_.pop_back();
    return true;
  }

  void split() {
    fields_.clear();
    std::istringstream stream{text_};
    for (std::string field; stream >> field;) fields_.push_back(std::move(field));
  }

  std::uint64_t number(std::size_t field) const {
    const std::string& text = fields_[field];
    std::uint64_t value = 0;
    const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (wrong != std::errc{} || end != text.data() + text.size()) {
      fail_here(fmt::format("expected a whole number, got \"{}\"", text));
    }
    return value;
  }

  // [time in us] file action [offset length]: the time from version 3 on.
  void action() {
    const std::size_t name = version_ == 3 ? 1 : 0;
    if (version_ == 3) {
      constexpr std::uint64_t kMost = UINT64_MAX / 1'000;
      now_ = recorded_time(file_, line_, std::min(number(0), kMost) * 1'000);
    }
    const std::size_t words = fields_.size() - name;
    if (fields_.size() < name + 2) fail_here("expected a file and an action");
    const std::string& what = fields_[name + 1];
    if (what == "add" || what == "open" || what == "close") {
      if (words != 2) fail_here(fmt::format("\"{}\" has nothing after it", what));
    } else if (what == "wait" && version_ == 2) {
      wait(name + 2, words);
    } else {
      access(name, what, words);
    }
  }

  // As documented, not as fio 3.33 does it: microseconds, after the wait before.
  void wait(std::size_t field, std::size_t words) {
    if (words != 3 && words != 4) fail_here("expected a time after \"wait\"");
    constexpr std::uint64_t kMost = UINT64_MAX / 2'000;
    now_ = recorded_time(file_, line_,
                         static_cast<std::uint64_t>(now_.nanoseconds()) + std::min(number(field), kMost) * 1'000);
  }

  void access(std::size_t name, const std::string& what, std::size_t words) {
    using Operation = DiskAccess::Operation;
    DiskAccess access{.at = now_};
    if (what == "read") {
      access.operation = Operation::read;
    } else if (what == "write") {
      access.operation = Operation::write;
    } else if (what == "sync" || what == "datasync") {
      access.operation = Operation::sync;
    } else if (what == "trim") {
      access.operation = Operation::trim;
    } else {
      fail_here(fmt::format("\"{}\" is no action of version {}", what, version_));
    }
    if (words != 4) fail_here(fmt::format("expected an offset and a length after \"{}\"", what));
    access.offset = number(name + 2);
    access.bytes = number(name + 3);
    accesses_.add(file_, line_, fields_[name], access);
  }

  std::string file_;
  std::ifstream stream_;
  RecordedAccesses& accesses_;
  int version_ = 0;
  std::uint64_t line_ = 0;
  std::string text_;
  std::vector<std::string> fields_;
  sim::Duration now_;
};

}  // namespace

void read_iolog(const std::filesystem::path& path, RecordedAccesses& accesses) { IologReader{path, accesses}.read(); }

}  // namespace guest
