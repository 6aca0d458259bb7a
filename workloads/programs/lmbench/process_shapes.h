// What the processes of lmbench look like in memory: the files they consist of, which of their pages they touch, and
// what they do when they start. Areas, present pages and faults are not stated anywhere; they follow from these.
#pragma once

#include <string>

#include "workloads/programs/loader.h"
#include "workloads/programs/profile_table.h"

namespace guest {

struct ProcessShapes : ProfileTable<ProcessShapes> {
  static const char* file();
  model::ParameterFields fields();
  void check() const;

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
