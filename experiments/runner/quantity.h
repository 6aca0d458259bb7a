// Quantities as people write them ("5 ms", "64 MiB", "1 Gb/s", "2.4 GHz") and the exact integers they stand for.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace runner {

// Base units: picosecond, byte, bit per second, hertz, millionth.
enum class Dimension : std::uint8_t { time, size, rate, frequency, share };

struct Unit {
  std::string_view name;
  std::int64_t base_units;
};

std::string_view name_of(Dimension dimension);        // "a time"
std::span<const Unit> units_of(Dimension dimension);  // ascending

// Reads a decimal number and a unit; without a unit the number is in `plain_unit`. The result is exact: what is no
// whole number of base units, is negative, has another dimension's unit or does not fit is a Mismatch.
std::int64_t parse_quantity(std::string_view text, Dimension dimension, std::string_view plain_unit);

// The shortest way to write a whole number of base units, such that parsing it gives the same number.
std::string format_quantity(std::int64_t base_units, Dimension dimension);

// The dimension that has this unit; the second takes for granted that there is one.
std::optional<Dimension> find_dimension(std::string_view unit);
Dimension dimension_of(std::string_view unit);

}  // namespace runner
