// The project's Python scripts: figures, reports.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace runner {

// Debian's, which has its packages of Python modules; another `python3` of the path may not.
inline constexpr const char* kPython = "/usr/bin/python3";

// Runs the script and waits for its end. True if that was with status 0.
bool run_script(const std::filesystem::path& script, const std::vector<std::string>& arguments);

struct Script {
  std::filesystem::path file;
  std::vector<std::string> arguments;
};
// Runs scripts, `jobs` at once, in forks of one Python that has what they share: results/_scripts.py. While it starts,
// calls `meanwhile`, whose scripts are run too; and when all have ended `afterwards`, with those that have failed, for
// the last ones. Prints what they print; returns what has failed.
using Scripts = std::vector<Script>;
using Failed = std::vector<std::filesystem::path>;
Failed run_scripts(const Scripts& scripts, unsigned jobs, std::function<Scripts()> meanwhile,
                   std::function<Scripts(const Failed&)> afterwards);

}  // namespace runner
