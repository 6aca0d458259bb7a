// The ringzero program itself, as scripts see it.
#pragma once

#include <sys/wait.h>

#include <cstdlib>

#include "support/temporary_folder.h"

namespace test {

struct Ended {
  int status;
  std::string out, error;
};

// `before` is shell code, such as "cd /somewhere && ".
inline Ended ringzero(const std::string& arguments, const std::string& before = "") {
  const TemporaryFolder folder;
  const std::string out = (folder.path() / "out").string(), error = (folder.path() / "error").string();
  const int status = std::system((before + RINGZERO_BINARY " " + arguments + " >" + out + " 2>" + error).c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, text_of(out), text_of(error)};
}

}  // namespace test
