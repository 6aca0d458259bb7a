// Names a person may have meant.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace runner {

// Insertions, deletions, replacements and swaps of neighbours that turn one name into the other.
std::size_t edit_distance(std::string_view a, std::string_view b);

// The valid name nearest to `name`; empty if none differs in fewer than half of its letters. The first of equals.
std::string nearest_name(std::string_view name, std::span<const std::string> valid);

// "a", "b" or "c"
std::string one_of(std::span<const std::string> names);

std::string in_quotes(std::string_view text);

}  // namespace runner
