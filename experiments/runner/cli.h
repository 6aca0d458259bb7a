// The command line: ringzero VERB ...
#pragma once

namespace runner {

enum ExitStatus : int {
  kDone = 0,
  kBadInput = 2,         // bad usage or input: nothing was written
  kBrokenInvariant = 3,  // a bug of ours
  kSomeFailed = 4,       // some points failed; the rest is kept
  kInterrupted = 130,    // what was finished is kept
};

// Returns the exit status.
int command_line(int argc, const char* const* argv);

}  // namespace runner
