// Other people's programs, that tests ask for a second opinion. A test skips, and says so, where one is not installed.
#pragma once

#include <doctest/doctest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <string>

#include "support/temporary_folder.h"

namespace test {

inline bool have_tool(const std::string& name) {
  if (std::system(("command -v " + name + " >/dev/null").c_str()) == 0) return true;
  MESSAGE("skipped: " << name << " is not installed (see packages.txt)");
  return false;
}

struct ToolRun {
  int status;
  std::string out, error;
};

// The command, as the shell takes it, in `folder`; what it writes there beyond its own files stays.
inline ToolRun run_tool(const std::filesystem::path& folder, const std::string& command) {
  const TemporaryFolder streams;
  const std::string out = (streams.path() / "out").string(), error = (streams.path() / "error").string();
  const int status = std::system(("cd " + folder.string() + " && " + command + " >" + out + " 2>" + error).c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, text_of(out), text_of(error)};
}

}  // namespace test
