#include "workloads/programs/loader.h"

namespace guest {

namespace {

constexpr Protection kText{.read = true, .write = false, .execute = true};
constexpr Protection kData{.read = true, .write = true, .execute = false};
constexpr Protection kNone{.read = false, .write = false, .execute = false};
constexpr u32 kHeaderBytes = 1024;  // of a library, that the loader reads before it maps it

}  // namespace

std::vector<Segment> segments_of(const ImageShape& shape, u32 start) {
  const u32 text = shape.text_pages * hv::kPageSize, data = shape.data_pages * hv::kPageSize;
  return {{.start = start, .bytes = text, .file_page = 0, .file_bytes = text, .protection = kText},
          {.start = start + text,
           .bytes = data + shape.bss_pages * hv::kPageSize,
           .file_page = shape.text_pages,
           .file_bytes = data,
           .protection = kData}};
}

model::Task<> StartUp::use(u32 start, u32 pages, u32 of, model::Use use) {
  for (u32 i = 0; i < pages; ++i) {
    co_await calls_.access({.first = start + i * of / pages * hv::kPageSize, .bytes = bytes_, .use = use}, work_);
  }
}

model::Task<> StartUp::use_image(const ImageShape& shape, u32 start) {
  co_await use(data_of(shape, start), shape.data_written, shape.data_pages, model::Use::write);
  co_await use(start, shape.text_touched, shape.text_pages, model::Use::execute);
  co_await use(bss_of(shape, start), shape.bss_written, shape.bss_pages, model::Use::write);
}

model::Task<> StartUp::load(const Library& library) {
  const ImageShape& shape = library.shape;
  const Descriptor file = co_await calls_.open(library.path);
  co_await calls_.read(file, kUserStackTop - hv::kPageSize, kHeaderBytes);
  co_await calls_.status(file);
  // The whole of it first, so that the addresses belong together; then what is not text over that.
  const u32 bytes = end_of(shape, 0);
  const u32 start = co_await calls_.map({.bytes = bytes, .protection = kText, .file = file});
  const u32 data = data_of(shape, start), bss = bss_of(shape, start);
  co_await calls_.protect(data, start + bytes - data, kNone);
  co_await calls_.map(
      {.bytes = bss - data, .protection = kData, .address = data, .file = file, .file_page = shape.text_pages});
  if (shape.bss_pages > 0) {
    co_await calls_.map({.bytes = shape.bss_pages * hv::kPageSize, .protection = kData, .address = bss});
  }
  co_await calls_.close(file);
  co_await use_image(shape, start);
  libraries_.push_back(start);
}

model::Task<> StartUp::grow_heap(u32 pages) {
  if (pages == 0) co_return;
  const u32 start = co_await calls_.grow_heap(pages * hv::kPageSize);
  co_await use(start, pages, pages, model::Use::write);
}

model::Task<> StartUp::run(const ProgramShape& program, const ImageShape& loader, std::span<const Library> libraries,
                           u32 cache_pages) {
  co_await use_image(loader, kLoaderStart);
  co_await calls_.open("/etc/ld.so.preload");  // there is none
  const Descriptor cache = co_await calls_.open(kLoaderCachePath);
  const u32 cache_bytes = (co_await calls_.status(cache)).value().bytes;
  const u32 names = co_await calls_.map({.bytes = cache_bytes, .protection = {.read = true}, .file = cache});
  co_await calls_.close(cache);
  co_await use(names, cache_pages, cache_bytes / hv::kPageSize, model::Use::read);
  for (const Library& library : libraries) co_await load(library);
  co_await calls_.unmap(names, cache_bytes);
  for (u32 i = 0; i < program.buffer_pages; ++i) {
    const u32 buffer = co_await calls_.map({.bytes = hv::kPageSize, .protection = kData});
    co_await use(buffer, 1, 1, model::Use::write);
  }
  co_await use_image(program.image, kProgramStart);
  co_await use(kUserStackTop - program.stack_pages * hv::kPageSize, program.stack_pages, program.stack_pages,
               model::Use::write);
  co_await grow_heap(program.heap_pages);
}

}  // namespace guest
