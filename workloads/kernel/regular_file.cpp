#include "workloads/kernel/regular_file.h"

#include <algorithm>

#include "workloads/kernel/file_system.h"
#include "workloads/kernel/kernel.h"
#include "workloads/kernel/read_ahead.h"

namespace guest {

namespace {

constexpr u32 kDirectBlocks = 12, kNumbersPerBlock = kBlockBytes / 4;
constexpr u32 kDoublyIndirect = ~0u;  // the key of the block that lists the lists behind the first

// Linux 2.4: page_cluster. A fault reads this many pages, at a multiple of it.
constexpr u32 kFaultCluster = 16;

u32 pages_for(u32 bytes) { return bytes / hv::kPageSize + (bytes % hv::kPageSize != 0); }

class OpenRegularFile final : public OpenFile {
 public:
  explicit OpenRegularFile(std::shared_ptr<RegularFile> file) : file_{std::move(file)} {}

  model::Task<u32> read(Kernel& kernel, u32 address, u32 bytes) override {
    const u32 done = co_await read_from(kernel, position_, address, bytes);
    position_ += done;
    co_return done;
  }

  model::Task<u32> write(Kernel& kernel, u32 address, u32 bytes) override {
    if (flags.append) position_ = file_->bytes;
    const u32 done = co_await write_to(kernel, position_, address, bytes);
    position_ += done;
    co_return done;
  }

  model::Task<std::optional<u32>> read_at(Kernel& kernel, u64 offset, u32 address, u32 bytes) override {
    if (offset > kMostBytes) co_return 0;
    co_return result(kernel, co_await read_from(kernel, static_cast<u32>(offset), address, bytes));
  }

  model::Task<std::optional<u32>> write_at(Kernel& kernel, u64 offset, u32 address, u32 bytes) override {
    if (offset > kMostBytes) co_return std::nullopt;
    co_return result(kernel, co_await write_to(kernel, static_cast<u32>(offset), address, bytes));
  }

  bool seek(u32 position) override {
    position_ = position;
    return true;
  }

  model::Task<> release(Kernel&) override {
    FileSystem& file_system = file_->file_system();
    file_.reset();
    co_await file_system.delete_orphans();
  }

  std::shared_ptr<Inode> inode() override { return file_; }

 private:
  static constexpr u32 kMostBytes = ~0u - hv::kPageSize;  // of a file

  static std::optional<u32> result(Kernel& kernel, u32 done) {
    if (done == 0 && kernel.current().error != Error::none) return std::nullopt;
    return done;
  }
  // Finds it in the page cache and copies from it or to it.
  static model::Task<> use_page(Kernel& kernel, BlockPointer page, u32 position, u32 bytes, model::Use use) {
    kernel.objects().look_up(page->frame.number());
    kernel.objects().use_page_record(page->frame);
    co_await kernel.objects().use_contents(page->frame, position % hv::kPageSize, bytes, use);
  }
  static u32 rest_of_page(u32 position) { return hv::kPageSize - position % hv::kPageSize; }

  model::Task<u32> read_from(Kernel& kernel, u32 position, u32 address, u32 bytes) {
    read_ahead_.begin(position, bytes);
    kernel.objects().use(file_->object, ObjectKind::inode);
    u32 done = 0;
    while (done < bytes && position < file_->bytes) {
      const u32 part = std::min({bytes - done, file_->bytes - position, rest_of_page(position)});
      kernel.charge(kernel.paths().page_cache);
      const BlockPointer page = co_await page_to_read(position / hv::kPageSize);
      if (!page) {
        kernel.current().error = Error::io;
        break;
      }
      co_await use_page(kernel, page, position, part, model::Use::read);
      position += part;
      co_await kernel.copy_user(address + done, part, model::Use::write);
      done += part;
    }
    co_return done;
  }

  model::Task<u32> write_to(Kernel& kernel, u32 position, u32 address, u32 bytes) {
    FileSystem& file_system = file_->file_system();
    co_await file_->mutex.lock(kernel);
    kernel.objects().use(file_->object, ObjectKind::inode);
    u32 done = 0;
    while (done < bytes) {
      const u32 part = std::min(bytes - done, rest_of_page(position));
      const BlockPointer page = co_await file_system.prepare_write(*file_, position / hv::kPageSize, part);
      if (!page) break;
      co_await use_page(kernel, page, position, part, model::Use::write);
      if (file_system.cache() != nullptr) kernel.objects().use(page->object, ObjectKind::buffer_head);
      position += part;
      co_await kernel.copy_user(address + done, part, model::Use::read);
      co_await file_system.written(*file_, page, position);
      done += part;
    }
    file_->mutex.unlock(kernel);
    if (flags.synchronous && done > 0) {
      const bool synced = co_await file_system.sync(*file_);
      if (!synced) {
        kernel.current().error = Error::io;
        done = 0;
      }
    }
    co_return done;
  }

  model::Task<BlockPointer> page_to_read(u32 number) {
    FileSystem& file_system = file_->file_system();
    BlockPointer page = file_->cached(number);
    if (file_system.cache() == nullptr && page) co_return page;
    if (!page) page = co_await file_system.start_page(*file_, number);
    if (page && file_system.cache() != nullptr) {
      const ReadAhead::Window window = read_ahead_.next(number, !page->current, pages_for(file_->bytes));
      for (u32 i = 0; i < window.pages; ++i) {
        if (!file_->cached(window.first + i)) co_await file_system.start_page(*file_, window.first + i);
      }
      if (window.ahead) co_await file_system.cache()->unplug();
      const bool current = co_await file_system.cache()->make_current(page);
      if (!current) page.reset();
    }
    co_return page;
  }

  std::shared_ptr<RegularFile> file_;
  u32 position_ = 0;
  ReadAhead read_ahead_;
};

}  // namespace

std::shared_ptr<OpenFile> RegularFile::open(const std::shared_ptr<Inode>& self) {
  return std::make_shared<OpenRegularFile>(std::static_pointer_cast<RegularFile>(self));
}

RegularFile::ListKeys RegularFile::lists_to(u32 page) {
  if (page < kDirectBlocks) return {};
  const u32 list = (page - kDirectBlocks) / kNumbersPerBlock;
  // Only the first list's number fits the inode; a block of its own has those of the others.
  if (list == 0) return {1, {0}};
  return {2, {kDoublyIndirect, list}};
}

model::Task<BlockPointer> RegularFile::page_for_fault(u32 page) {
  if (!cached(page) && file_system_.cache() != nullptr) {
    const u32 first = page / kFaultCluster * kFaultCluster;
    const u32 end = std::min(first + kFaultCluster, pages_for(bytes));
    for (u32 next = first; next < end; ++next) {
      if (!cached(next) && data_.at(next)) co_await file_system_.start_page(*this, next);
    }
  }
  co_return co_await file_system_.page(*this, page);
}

void RegularFile::dirtied(u32 page) {
  const BlockPointer block = cached(page);
  if (block && block->block != kNoBlock && file_system_.cache() != nullptr) file_system_.cache()->mark_dirty(*block);
}

}  // namespace guest
