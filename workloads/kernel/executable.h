// What exec puts into a process: segments of files to map, and the code to run.
#pragma once

#include <string>
#include <vector>

#include "workloads/kernel/address_space.h"
#include "workloads/kernel/process.h"

namespace guest {

struct Segment {
  u32 start = 0;  // page-aligned
  u32 bytes = 0;
  u32 file_page = 0;  // of the executable's own file; what lies beyond `file_bytes` reads as zeros
  u32 file_bytes = 0;
  Protection protection;
};

struct Executable {
  std::vector<Segment> segments;
  u32 break_start = 0;      // where the heap begins
  std::string interpreter;  // path of another executable that is mapped beside it: the loader; empty: none
  UserCode code;            // from its first instruction on: the dynamic loader, if it has one; returning is exit(0)
};

}  // namespace guest
