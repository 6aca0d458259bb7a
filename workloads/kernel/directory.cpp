// Directories as what is opened and listed, and renaming. (Linux 2.4, fs/readdir.c, fs/ext3/dir.c, fs/ext3/namei.c.)
#include <algorithm>

#include "workloads/kernel/file_system.h"
#include "workloads/kernel/kernel.h"

namespace guest {

namespace {

constexpr u32 kListedBytes = 24;  // of an entry given to the user: struct dirent64 with a short name

class OpenDirectory final : public OpenFile {
 public:
  explicit OpenDirectory(std::shared_ptr<Directory> directory) : directory_{std::move(directory)} {}

  // [getdents] Whole entries; 0 at the end.
  model::Task<u32> read(Kernel& kernel, u32 address, u32 bytes) override {
    kernel.charge(kernel.paths().directory_read);
    const u32 last = std::min(directory_->places(), position_ + bytes / kListedBytes);
    const u32 entries = last - std::min(position_, last);
    if (entries == 0) co_return 0;
    const bool there = co_await kernel.file_system().read_blocks(*directory_, last);
    if (!there) co_return 0;
    position_ = last;
    kernel.charge(kernel.paths().directory_list, entries);
    co_await kernel.copy_user(address, entries * kListedBytes, model::Use::write);
    co_return entries* kListedBytes;
  }
  model::Task<u32> write(Kernel&, u32, u32) override { co_return 0; }
  bool seek(u32 position) override {
    position_ = position;
    return true;
  }
  std::shared_ptr<Inode> inode() override { return directory_; }

 private:
  std::shared_ptr<Directory> directory_;
  u32 position_ = 0;  // in places of entries
};

}  // namespace

std::shared_ptr<OpenFile> Directory::open(const std::shared_ptr<Inode>& self) {
  return std::make_shared<OpenDirectory>(std::static_pointer_cast<Directory>(self));
}

// What had the new name is gone, as after unlink.
model::Task<bool> FileSystem::rename(std::string_view from, std::string_view to) {
  const Position source = co_await walk_to_parent(from);
  const Position target = co_await walk_to_parent(to);
  if (!source.directory || !target.directory || source.name.empty() || target.name.empty()) co_return false;
  Directory &first = *source.directory, &second = *target.directory;
  co_await first.mutex.lock(kernel_);
  if (&first != &second) co_await second.mutex.lock(kernel_);
  const bool renamed = co_await move_entry(source, target);
  if (&first != &second) second.mutex.unlock(kernel_);
  first.mutex.unlock(kernel_);
  co_await delete_orphans();
  co_return renamed;
}

model::Task<bool> FileSystem::move_entry(const Position& source, const Position& target) {
  Directory &first = *source.directory, &second = *target.directory;
  Directory::Name* const old_name = co_await look_up(first, source.name);
  if (old_name == nullptr || !old_name->inode) co_return false;
  Directory::Name* const new_name = co_await look_up(second, target.name);
  if (new_name == nullptr || new_name == old_name) co_return new_name != nullptr;
  auto replaced = std::dynamic_pointer_cast<RegularFile>(new_name->inode);
  if (new_name->inode && !replaced) co_return false;  // a directory or a device
  co_await journal_.start();
  kernel_.charge(kernel_.paths().rename);
  co_await search(first, old_name->place + 1);
  u32 place = new_name->place;
  if (replaced) {
    co_await change_inode(replaced->number());
    orphans_.push_back(std::move(replaced));
  } else {
    place = second.take_place();
    if (second.blocks_for_places() > second.entry_blocks.size()) co_await add_directory_block(second);
  }
  co_await change_entry(second, place);
  co_await change_entry(first, old_name->place);
  first.give_place(old_name->place);
  new_name->set(std::move(old_name->inode), place);
  old_name->set(nullptr, 0);
  journal_.stop();
  co_return true;
}

// [utime, setattr] The inode's times.
model::Task<bool> FileSystem::set_times(std::string_view path) {
  const std::shared_ptr<Inode> inode = co_await find(path);
  if (!inode) co_return false;
  kernel_.charge(kernel_.paths().set_times);
  if (const auto* file = dynamic_cast<const RegularFile*>(inode.get())) {
    co_await journal_.start();
    co_await change_inode(file->number());
    journal_.stop();
  }
  co_return true;
}

}  // namespace guest
