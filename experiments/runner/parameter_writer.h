// Puts a fitted value into a parameter file and leaves everything else as its author wrote it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "experiments/runner/calibration.h"

namespace runner {

// `text` with the entry of the dotted key replaced: value, origin, source, certainty, fitted_on and confidence are the
// fit's; unit, range and note stay. Throws std::invalid_argument when there is no such entry.
std::string with_fitted_value(const std::string& text, const FittedValue& value, const std::string& source);

// Whether a file has an entry of that dotted key.
bool has_entry(const std::string& text, const std::string& key);

// Of all parameter files of the project, the one that has the key. Throws InputError.
std::filesystem::path file_of_parameter(const std::string& key, const std::string& machine);

}  // namespace runner
