// One trace of one run, while it is being written.
#pragma once

#include "workloads/spec.h"

namespace runner {

class TraceFile {
 public:
  virtual ~TraceFile() = default;
  virtual void attach(guest::HostSpec& spec) = 0;  // to what it is a trace of; throws InputError if that is not there
  virtual void finish() = 0;                       // writes the rest; throws std::runtime_error when it cannot
  virtual void discard() = 0;                      // leaves no file
};

}  // namespace runner
