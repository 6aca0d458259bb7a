// Fields of comma-separated files.
#pragma once

#include <string>
#include <string_view>

namespace runner {

// Quoted as RFC 4180 says, where that is necessary.
inline std::string csv_field(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string{text};
  std::string field = "\"";
  for (const char c : text) {
    if (c == '"') field += '"';
    field += c;
  }
  return field + '"';
}

}  // namespace runner
