// The project's Python scripts: figures, reports.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace runner {

// Debian's, which has its packages of Python modules; another `python3` of the path may not.
inline constexpr const char* kPython = "/usr/bin/python3";

// Runs the script and waits for its end. True if that was with status 0.
bool run_script(const std::filesystem::path& script, const std::vector<std::string>& arguments);

}  // namespace runner
