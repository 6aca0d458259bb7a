// What a table of settings is made of: see settings_table.h.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace runner {

struct About {
  std::string_view text;       // one sentence
  std::string_view source;     // where the meaning, or the default, comes from
  std::string_view unit = "";  // of a plain number: makes an integer a quantity; times need one
  std::int64_t min = 0;        // in base units, as is max
  std::int64_t max = INT64_MAX;
  std::vector<std::string> (*choices)() = nullptr;  // of a text
  bool required = false;
};

template <class Enum>
struct NamesOf;  // names: what the values of an enumeration, or the alternatives of a variant, are called in files

inline constexpr std::int64_t kMicrosecond = 1'000'000, kMillisecond = 1000 * kMicrosecond;  // in picoseconds
inline constexpr std::int64_t kMebibyte = 1 << 20;

// Generic in constness: the member that a setting fills in or is read from.
#define RINGZERO_MEMBER(path) \
  [](auto& object) -> auto& { return object.path; }

}  // namespace runner
