// The system calls on memory: mmap, munmap, mprotect, brk.
#include "workloads/kernel/descriptors.h"
#include "workloads/kernel/system_calls.h"

namespace guest {

model::Task<u32> SystemCalls::map(Mapping mapping) {
  kernel_.enter_system_call();
  Area area{.start = mapping.address.value_or(0),
            .end = mapping.address.value_or(0) + whole_pages(mapping.bytes),
            .protection = mapping.protection,
            .shared = mapping.shared,
            .file_page = mapping.file_page};
  if (mapping.file >= 0) {
    const std::shared_ptr<OpenFile> file = open_file_of(process_, mapping.file);
    area.file = file ? file->inode() : nullptr;
    if (!area.file) kernel_.panic(process_.name + " maps a descriptor that has no pages");
  }
  process_.error = Error::none;
  const u32 start = co_await kernel_.memory().map(*process_.space, std::move(area));
  if (start == 0) process_.error = Error::no_memory;
  co_await kernel_.leave_system_call();
  co_return start;
}

model::Task<> SystemCalls::unmap(u32 address, u32 bytes) {
  kernel_.enter_system_call();
  co_await kernel_.memory().unmap(*process_.space, page_of(address), whole_pages(address + bytes));
  co_await kernel_.leave_system_call();
}

model::Task<> SystemCalls::protect(u32 address, u32 bytes, Protection protection) {
  kernel_.enter_system_call();
  co_await kernel_.memory().protect(*process_.space, page_of(address), whole_pages(address + bytes), protection);
  co_await kernel_.leave_system_call();
}

model::Task<u32> SystemCalls::grow_heap(u32 bytes) {
  kernel_.enter_system_call();
  process_.error = Error::none;
  const u32 old = co_await kernel_.memory().grow_break(*process_.space, bytes);
  if (old == 0) process_.error = Error::no_memory;
  co_await kernel_.leave_system_call();
  co_return old;
}

}  // namespace guest
