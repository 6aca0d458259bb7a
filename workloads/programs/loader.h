// How a program starts: the dynamic loader of glibc 2.2 as it is seen from the kernel. It maps the libraries by system
// calls and uses pages of everything; what is present afterwards, and the faults on the way, follow from that.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "sim/time.h"
#include "workloads/kernel/executable.h"
#include "workloads/kernel/system_calls.h"

namespace guest {

// One file with code: a program, a library or the loader. Text and data are its pages, in this order.
struct ImageShape {
  u32 text_pages = 0, data_pages = 0, bss_pages = 0;
  u32 text_touched = 0, data_written = 0, bss_written = 0;  // until the program is at work

  u32 file_bytes() const { return (text_pages + data_pages) * hv::kPageSize; }
};

struct ProgramShape {
  ImageShape image;
  u32 heap_pages = 0;    // that it writes
  u32 stack_pages = 0;   // the same
  u32 buffer_pages = 0;  // anonymous mappings of one page, of the loader and of the C library
};

struct Library {
  const char* path;
  const ImageShape& shape;
};

inline constexpr u32 kProgramStart = 0x08048000;
inline constexpr u32 kLoaderStart = 0x40000000;  // first address that mmap gives away on Linux 2.4
inline constexpr const char* kLoaderPath = "/lib/ld-linux.so.2";
inline constexpr const char* kLoaderCachePath = "/etc/ld.so.cache";

// Text, data and bss of an image at `start`.
std::vector<Segment> segments_of(const ImageShape& shape, u32 start);
inline u32 data_of(const ImageShape& shape, u32 start) { return start + shape.text_pages * hv::kPageSize; }
inline u32 bss_of(const ImageShape& shape, u32 start) { return start + shape.file_bytes(); }
inline u32 end_of(const ImageShape& shape, u32 start) { return bss_of(shape, start) + shape.bss_pages * hv::kPageSize; }

// A process between its first instruction and main(). Uses pages, `bytes` of each, with `work` in user mode per page.
class StartUp {
 public:
  StartUp(SystemCalls& calls, u32 bytes, sim::Cycles work) : calls_{calls}, bytes_{bytes}, work_{work} {}

  // All of it for a program that lies at kProgramStart. `cache_pages`: read of the loader's cache.
  model::Task<> run(const ProgramShape& program, const ImageShape& loader, std::span<const Library> libraries,
                    u32 cache_pages);
  // Maps a library and uses it; also what dlopen() does.
  model::Task<> load(const Library& library);
  // `pages` of the `of` pages from `start` on, evenly spread.
  model::Task<> use(u32 start, u32 pages, u32 of, model::Use use);
  // The heap grows by so many pages, which are written.
  model::Task<> grow_heap(u32 pages);

  // Where libraries are, in the order in which they were loaded.
  const std::vector<u32>& libraries() const { return libraries_; }

 private:
  model::Task<> use_image(const ImageShape& shape, u32 start);

  SystemCalls& calls_;
  u32 bytes_;
  sim::Cycles work_;
  std::vector<u32> libraries_;
};

}  // namespace guest
