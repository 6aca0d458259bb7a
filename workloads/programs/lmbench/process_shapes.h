// What the processes of lmbench look like in memory: the files they consist of, which of their pages they touch, and
// what they do when they start. Areas, present pages and faults are not stated anywhere; they follow from these.
#pragma once

#include <string>
#include <string_view>

#include "model/parameter_file.h"
#include "workloads/programs/loader.h"

namespace guest {

struct ProcessShapes : model::ParameterTable {
  // Both throw model::ParameterError.
  static ProcessShapes load(const std::string& path);
  static const ProcessShapes& standard();  // workloads/programs/lmbench/shapes.json, loaded once

  // Overrides one value, in the unit of its entry: "lmbench.libc.text_touched".
  void set(std::string_view key, double value);

  ImageShape loader, libc, libm, libdl, libtermcap, libnss_files;
  ProgramShape bench, hello, shell;

  u32 cache_pages = 0;                           // read of /etc/ld.so.cache
  u32 touched_bytes = 0;                         // of every page, while a program starts
  u32 hello_link_work = 0, shell_link_work = 0;  // cycles per page touched

  // What the shell does beside that.
  u32 locale_files = 0, shell_signals = 0, shell_lookups = 0, shell_identities = 0;

  // Pages written per fork by a loop that forks: by itself, by the child until it is gone.
  u32 parent_writes = 0, child_writes = 0;
};

}  // namespace guest
