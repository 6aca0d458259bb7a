// How far a file is read ahead of who reads it: nothing while the accesses jump about, and from 3 to 31 pages, twice as
// many each time, while they go on where the last one stopped. The next window is read when the reader comes to the one
// before it, so one is under way while one is used. (Linux 2.4, mm/filemap.c: generic_file_readahead.)
#pragma once

#include "workloads/kernel/memory.h"

namespace guest {

class ReadAhead {
 public:
  static constexpr u32 kLeast = 3, kMost = 31;  // pages

  // A call begins to read `bytes` at `position`.
  void begin(u32 position, u32 bytes);

  // Pages to read beyond the one that the reader comes to.
  struct Window {
    u32 first = 0, pages = 0;
    bool ahead = false;  // nobody waits for them yet, so somebody must start the disk
  };
  // `waits`: that page is being read.
  Window next(u32 page, bool waits, u32 pages_of_file);

 private:
  u32 end_ = 0;     // of what was read ahead
  u32 length_ = 0;  // of the last window
  u32 reach_ = 0;   // of the last two
  u32 most_ = 0;    // pages of the next window
  bool goes_on_ = false;
};

}  // namespace guest
