// What is wrong with an input, said so that its author can mend it: where, what was expected, what was found, and the
// valid name nearest to it.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace runner {

// A place in an input: a file (or "--set a.b=v"), and a JSON pointer into it (RFC 6901); an empty one is the whole.
struct Place {
  std::string file;
  std::string path;

  Place below(std::string_view key) const { return {file, path + '/' + std::string{key}}; }
  Place below(std::size_t index) const { return {file, path + '/' + std::to_string(index)}; }
};

// An expectation that a value did not meet, as long as nobody knows where the value stood.
struct Mismatch {
  std::string expected;
  std::string got;
  std::string nearest;  // a valid name; empty: none is near

  std::string message() const {
    return "expected " + expected + ", got " + got + (nearest.empty() ? "" : " (did you mean \"" + nearest + "\"?)");
  }
};

class InputError : public std::runtime_error {
 public:
  InputError(const Place& place, const std::string& message, const std::string& nearest = "")
      : std::runtime_error{place.file + (place.path.empty() ? "" : ": at " + place.path) + ": " + message},
        place_{place},
        message_{message},
        nearest_{nearest} {}
  InputError(const Place& place, const Mismatch& mismatch) : InputError{place, mismatch.message(), mismatch.nearest} {}

  const std::string& file() const { return place_.file; }
  const std::string& json_path() const { return place_.path; }
  const std::string& message() const { return message_; }
  const std::string& nearest() const { return nearest_; }

 private:
  Place place_;
  std::string message_;
  std::string nearest_;
};

}  // namespace runner
