// Reading and writing a regular file through the page cache. (Linux 2.4, mm/filemap.c.)
#include <algorithm>

#include "workloads/kernel/file_system.h"
#include "workloads/kernel/kernel.h"

namespace guest {

namespace {

class OpenRegularFile final : public OpenFile {
 public:
  explicit OpenRegularFile(std::shared_ptr<RegularFile> file) : file_{std::move(file)} {}

  model::Task<u32> read(Kernel& kernel, u32 address, u32 bytes) override {
    u32 done = 0;
    while (done < bytes && position_ < file_->bytes) {
      const u32 part = std::min({bytes - done, file_->bytes - position_, rest_of_page()});
      kernel.charge(kernel.paths().page_cache);
      position_ += part;
      co_await kernel.copy_user(address + done, part, model::Use::write);
      done += part;
    }
    co_return done;
  }

  model::Task<u32> write(Kernel& kernel, u32 address, u32 bytes) override {
    u32 done = 0;
    while (done < bytes) {
      const u32 part = std::min(bytes - done, rest_of_page());
      file_->file_system().prepare_write(*file_, position_ / hv::kPageSize, part);
      position_ += part;
      file_->bytes = std::max(file_->bytes, position_);
      co_await kernel.copy_user(address + done, part, model::Use::read);
      done += part;
    }
    co_return done;
  }

  void release(Kernel&) override {
    FileSystem& file_system = file_->file_system();
    file_.reset();
    file_system.delete_orphans();
  }

  std::shared_ptr<Inode> inode() override { return file_; }

 private:
  u32 rest_of_page() const { return hv::kPageSize - position_ % hv::kPageSize; }

  std::shared_ptr<RegularFile> file_;
  u32 position_ = 0;
};

}  // namespace

std::shared_ptr<OpenFile> RegularFile::open(const std::shared_ptr<Inode>& self) {
  return std::make_shared<OpenRegularFile>(std::static_pointer_cast<RegularFile>(self));
}

}  // namespace guest
