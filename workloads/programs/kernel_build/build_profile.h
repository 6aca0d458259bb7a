// The processes of a Linux kernel build, from workloads/profiles/kernel_build.json, and the tree that it compiles.
#pragma once

#include <string>
#include <vector>

#include "workloads/programs/loader.h"
#include "workloads/programs/profile_table.h"

namespace guest {

// One program of the tool chain: what it looks like in memory, and its part of the work.
struct ToolShape {
  ProgramShape program;
  u32 work_share = 0;   // of a C file's work, per 1000
  u32 grown_pages = 0;  // that its heap grows by while it works, per C file (make: per directory)
  u32 hot_pages = 0;    // of its heap, used again after every switch
  u32 cache_lines = 0;
};

struct BuildProfile : ProfileTable<BuildProfile> {
  static const char* file();
  model::ParameterFields fields();
  void check() const;

  sim::Cycles work{0};                // in user mode, per C file, of all processes: the fitted number
  u32 files = 0;                      // C files of the whole build
  u32 files_per_make = 0;             // that one recursive make compiles
  u32 makes_per_link = 0;             // so many of them to one run of ld
  u32 headers = 0, header_bytes = 0;  // that there are, and their size
  u32 headers_opened = 0;             // per C file
  u32 failing_opens = 0;              // of the search for them, per C file
  u32 preprocessed_bytes = 0, assembler_bytes = 0, object_bytes = 0;  // per C file
  u32 make_files = 0, make_stats = 0;                                 // per make: read, and asked for their times
  u32 touched_bytes = 0;                                              // of every page, while a program starts
  u32 page_work = 0;                                                  // cycles in user mode per page at its first touch
  ToolShape make, sh, gcc, cpp0, cc1, as, ld;
};

struct SourceFile {
  std::string path;
  u32 bytes;
};
// workloads/profiles/kernel_tree.csv, in its order. Throws model::ParameterError.
std::vector<SourceFile> read_source_tree(const std::string& path);
const std::vector<SourceFile>& kernel_tree();  // the file, read once

}  // namespace guest
