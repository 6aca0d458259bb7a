// Names, and what is done before the programs begin. Contents: file_contents.cpp.
#include "workloads/kernel/file_system.h"

#include <algorithm>
#include <utility>

#include "workloads/kernel/device.h"
#include "workloads/kernel/kernel.h"

namespace guest {

namespace {

// Without a disk the file system has 2 GB.
constexpr u64 kBlocksWithoutDisk = 2u << 30 >> hv::kPageShift;
constexpr InodeNumber kRoot{0, 1};  // inode 2
// Entries of short names are 12 to 28 bytes long.
constexpr u32 kEntryBytes = 20, kEntriesPerBlock = kBlockBytes / kEntryBytes;

constexpr u32 blocks_of_entries(u32 places) { return std::max(1u, (places + kEntriesPerBlock - 1) / kEntriesPerBlock); }

u32 pages_for(u32 bytes) { return bytes / hv::kPageSize + (bytes % hv::kPageSize != 0); }

// Takes the first name off the path; empty: there is none.
std::string_view take_name(std::string_view& path) {
  path.remove_prefix(std::min(path.find_first_not_of('/'), path.size()));
  const std::string_view name = path.substr(0, path.find('/'));
  path.remove_prefix(name.size());
  return name;
}

InodeNumber number_of(const Inode& inode) {
  if (const auto* file = dynamic_cast<const RegularFile*>(&inode)) return file->number();
  if (const auto* directory = dynamic_cast<const Directory*>(&inode)) return directory->number();
  return kRoot;  // a device has what its name says
}

}  // namespace

u32 Directory::blocks_for_places() const { return blocks_of_entries(places_); }

u32 Directory::take_place() {
  if (free_places_.empty()) return places_++;
  const u32 place = *free_places_.begin();
  free_places_.erase(free_places_.begin());
  return place;
}

u32 Directory::block_of_place(u32 place) { return place / kEntriesPerBlock; }

FileSystem::FileSystem(Kernel& kernel)
    : kernel_{kernel},
      layout_{kBlocksWithoutDisk},
      journal_{kernel, layout_},
      root_{std::make_shared<Directory>(kRoot)} {
  add_entry_blocks(*root_);
  install_device("/dev/zero", std::make_shared<ZeroDevice>());
  install_device("/dev/null", std::make_shared<NullDevice>());
}

InodeNumber FileSystem::take_inode(u32 group) {
  const std::optional<InodeNumber> number = layout_.take_inode(group);
  if (!number) kernel_.panic("its file system has no inode left");
  return *number;
}

// --- names -----------------------------------------------------------------------------------------------------------

model::Task<bool> FileSystem::read_metadata(BlockNumber block) {
  if (!cache_) co_return true;
  const BlockPointer read = co_await cache_->metadata(block);
  if (!read) kernel_.current().error = Error::io;
  co_return read != nullptr;
}

// Goes through the entries from the first one on.
model::Task<bool> FileSystem::search(const Directory& directory, u32 places) {
  kernel_.charge(kernel_.paths().directory_entry, places);
  const bool read = co_await read_blocks(directory, places);
  co_return read;
}

model::Task<bool> FileSystem::read_blocks(const Directory& directory, u32 places) {
  if (!cache_) co_return true;
  const std::size_t blocks = std::min<std::size_t>(blocks_of_entries(places), directory.entry_blocks.size());
  for (std::size_t i = 0; i < blocks; ++i) {
    const BlockPointer block = co_await cache_->metadata(directory.entry_blocks[i]);
    if (!block) {
      kernel_.current().error = Error::io;
      co_return false;
    }
    const u32 entries = std::min(places - static_cast<u32>(i) * kEntriesPerBlock, kEntriesPerBlock);
    kernel_.objects().use(block->object, ObjectKind::buffer_head);
    co_await kernel_.objects().use_contents(block->frame, 0, entries * kEntryBytes, model::Use::read);
  }
  co_return true;
}

// Null: it cannot be read whether there is such a name.
model::Task<Directory::Name*> FileSystem::look_up(Directory& directory, std::string_view name) {
  kernel_.charge(kernel_.paths().path_component);
  kernel_.objects().use(directory.object, ObjectKind::inode);  // may it be searched?
  const auto known = directory.names.find(name);
  if (known == directory.names.end()) {
    const bool searched = co_await search(directory, directory.places());
    if (!searched) co_return nullptr;
    Directory::Name& fresh = directory.names[std::string{name}];
    kernel_.objects().use(fresh.object, ObjectKind::dentry);
    kernel_.objects().look_up(fresh.object.address);
    co_return &fresh;
  }
  Directory::Name& entry = known->second;
  kernel_.objects().use(entry.object, ObjectKind::dentry);
  kernel_.objects().look_up(entry.object.address);
  if (!entry.looked_up) {
    bool read = co_await search(directory, entry.place + 1);
    if (read) read = co_await read_metadata(layout_.inode_table(number_of(*entry.inode)));
    if (!read) co_return nullptr;
    entry.looked_up = true;
  }
  co_return &entry;
}

model::Task<FileSystem::Position> FileSystem::walk_to_parent(std::string_view path) {
  Position position{root_, take_name(path)};
  while (true) {
    const std::string_view next = take_name(path);
    if (next.empty()) co_return position;
    const Directory::Name* name = co_await look_up(*position.directory, position.name);
    position.directory = name == nullptr ? nullptr : std::dynamic_pointer_cast<Directory>(name->inode);
    position.name = next;
    if (!position.directory) co_return position;
  }
}

model::Task<std::shared_ptr<Inode>> FileSystem::find(std::string_view path) {
  const Position position = co_await walk_to_parent(path);
  if (!position.directory) co_return nullptr;
  if (position.name.empty()) co_return root_;
  const Directory::Name* name = co_await look_up(*position.directory, position.name);
  if (name == nullptr) co_return nullptr;
  if (name->inode) kernel_.objects().use(name->inode->object, ObjectKind::inode);
  co_return name->inode;
}

model::Task<bool> FileSystem::add_entry(Directory& directory, Directory::Name& name, std::shared_ptr<Inode> inode,
                                        InodeNumber number) {
  const u32 place = directory.take_place();
  bool read = co_await search(directory, place + 1);
  kernel_.charge(kernel_.paths().file_create);
  co_await change_inode(number);
  co_await change_inodes(number.group);
  if (directory.blocks_for_places() > directory.entry_blocks.size()) {
    const bool added = co_await add_directory_block(directory);
    read = read && added;
  }
  if (!read || kernel_.current().error != Error::none) {
    directory.give_place(place);
    layout_.give_inode(number);
    co_return false;
  }
  co_await change_entry(directory, place);
  kernel_.objects().use(inode->object, ObjectKind::inode);
  name.set(std::move(inode), place);
  co_return true;
}

model::Task<std::shared_ptr<Inode>> FileSystem::create(std::string_view path, Existing existing) {
  const Position position = co_await walk_to_parent(path);
  if (!position.directory || position.name.empty()) co_return nullptr;
  Directory& directory = *position.directory;
  co_await directory.mutex.lock(kernel_);
  Directory::Name* const name = co_await look_up(directory, position.name);
  if (name != nullptr && !name->inode) {
    co_await kernel_.big_lock().take();
    co_await journal_.start();
    const InodeNumber number = take_inode(directory.number().group);
    const std::shared_ptr<Inode> made = std::make_shared<RegularFile>(*this, number);
    co_await add_entry(directory, *name, made, number);
    journal_.stop();
    co_await kernel_.big_lock().release();
    directory.mutex.unlock(kernel_);
    co_return name->inode;
  }
  directory.mutex.unlock(kernel_);
  if (name == nullptr) co_return nullptr;
  const std::shared_ptr<Inode> found = name->inode;
  kernel_.objects().use(found->object, ObjectKind::inode);
  if (auto* file = dynamic_cast<RegularFile*>(found.get()); file != nullptr && existing == Existing::empty) {
    co_await truncate(*file);
  }
  co_return found;
}

model::Task<bool> FileSystem::make_directory(std::string_view path) {
  const Position position = co_await walk_to_parent(path);
  if (!position.directory || position.name.empty()) co_return false;
  Directory& parent = *position.directory;
  co_await parent.mutex.lock(kernel_);
  Directory::Name* const name = co_await look_up(parent, position.name);
  bool made = name != nullptr && !name->inode;
  if (made) {
    co_await kernel_.big_lock().take();
    co_await journal_.start();
    const InodeNumber number = take_inode(layout_.next_directory_group());
    const auto directory = std::make_shared<Directory>(number);
    made = co_await add_entry(parent, *name, directory, number);
    if (made) made = co_await add_directory_block(*directory);
    journal_.stop();
    co_await kernel_.big_lock().release();
  }
  parent.mutex.unlock(kernel_);
  co_return made;
}

model::Task<bool> FileSystem::unlink(std::string_view path) {
  const Position position = co_await walk_to_parent(path);
  if (!position.directory || position.name.empty()) co_return false;
  Directory& directory = *position.directory;
  co_await directory.mutex.lock(kernel_);
  Directory::Name* const name = co_await look_up(directory, position.name);
  auto file = name == nullptr ? nullptr : std::dynamic_pointer_cast<RegularFile>(name->inode);
  if (!file) {
    directory.mutex.unlock(kernel_);
    co_return false;
  }
  co_await kernel_.big_lock().take();
  co_await journal_.start();
  co_await search(directory, name->place + 1);
  kernel_.charge(kernel_.paths().file_delete);
  co_await change_entry(directory, name->place);
  co_await change_inode(file->number());
  directory.give_place(name->place);
  name->set(nullptr, 0);
  orphans_.push_back(std::move(file));
  journal_.stop();
  co_await kernel_.big_lock().release();
  directory.mutex.unlock(kernel_);
  co_await delete_orphans();
  co_return true;
}

model::Task<> FileSystem::delete_orphans() {
  for (std::size_t i = 0; i < orphans_.size();) {
    if (orphans_[i].use_count() > 1) {
      ++i;
      continue;
    }
    const std::shared_ptr<RegularFile> file = std::move(orphans_[i]);
    orphans_.erase(orphans_.begin() + static_cast<std::ptrdiff_t>(i));
    co_await delete_file(file);
    i = 0;  // others may have come and gone
  }
}

model::Task<> FileSystem::delete_file(const std::shared_ptr<RegularFile>& file) {
  co_await kernel_.big_lock().take();
  co_await truncate(*file);
  co_await journal_.start();
  layout_.give_inode(file->number());
  co_await change_inodes(file->number().group);
  journal_.stop();
  kernel_.objects().free(file->object, ObjectKind::inode);
  co_await kernel_.big_lock().release();
}

// --- before the programs begin ---------------------------------------------------------------------------------------

void FileSystem::mount(const Disk& disk, bool ordered) {
  if (cache_) kernel_.panic("its file system is on a disk already");
  layout_ = DiskLayout{disk.sectors / kBlockSectors};
  blocks_in_use_ = 0;
  cache_.emplace(kernel_, disk.queue, disk.first_sector);
  journal_.attach(*cache_, disk.first_sector, ordered);
  install_block(layout_.super_block());
  for (u32 group = 0; group < layout_.groups(); ++group) install_block(layout_.group_descriptor(group));
  lay_out(*root_);
}

// The directories that there are get places on the disk.
void FileSystem::lay_out(Directory& directory) {
  directory.entry_blocks.clear();
  add_entry_blocks(directory);
  for (const auto& [path, name] : directory.names) {
    auto* const below = dynamic_cast<Directory*>(name.inode.get());
    if (below == nullptr) continue;
    below->set_number(take_inode(layout_.next_directory_group()));
    lay_out(*below);
  }
}

void FileSystem::install_bitmaps() {
  for (u32 group = 0; group < layout_.groups(); ++group) {
    install_block(layout_.block_bitmap(group));
    install_block(layout_.inode_bitmap(group));
    install_block(layout_.inode_table({group, 0}));
  }
}

void FileSystem::install_block(BlockNumber block) {
  if (cache_) cache_->install(block);
}

// Those that its entries need and it does not have yet.
void FileSystem::add_entry_blocks(Directory& directory) {
  while (directory.entry_blocks.size() < directory.blocks_for_places()) {
    const std::optional<BlockNumber> block = layout_.allocate(layout_.first_of(directory.number().group));
    if (!block) kernel_.panic("no room on the disk for its files");
    directory.entry_blocks.push_back(*block);
    ++blocks_in_use_;
    install_block(*block);
  }
  install_block(layout_.inode_table(directory.number()));
}

// The directory of the last name of `path`, which is what is left of it.
std::shared_ptr<Directory> FileSystem::install_directories(std::string_view& path) {
  std::shared_ptr<Directory> directory = root_;
  while (true) {
    const std::string_view name = take_name(path);
    if (path.find_first_not_of('/') == std::string_view::npos) {
      path = name;
      return directory;
    }
    Directory::Name& entry = directory->names[std::string{name}];
    if (!entry.inode) {
      const auto made = std::make_shared<Directory>(take_inode(layout_.next_directory_group()));
      add_entry_blocks(*made);
      entry.set(made, directory->take_place());
      add_entry_blocks(*directory);
    }
    directory = std::dynamic_pointer_cast<Directory>(entry.inode);
    if (!directory) kernel_.panic("no directory in the way to the file " + std::string{name});
  }
}

void FileSystem::install_device(std::string_view path, std::shared_ptr<Inode> device) {
  const std::shared_ptr<Directory> directory = install_directories(path);
  directory->names[std::string{path}].set(std::move(device), directory->take_place());
  add_entry_blocks(*directory);
}

Inode* FileSystem::installed(std::string_view path) const {
  const Directory* directory = root_.get();
  while (directory != nullptr) {
    const auto name = directory->names.find(take_name(path));
    if (name == directory->names.end() || !name->second.inode) return nullptr;
    if (path.empty()) return name->second.inode.get();
    directory = dynamic_cast<const Directory*>(name->second.inode.get());
  }
  return nullptr;
}

void FileSystem::install_change(std::string_view path, u32 page, u64 old_in) {
  const auto* file = dynamic_cast<const RegularFile*>(installed(path));
  const BlockPointer cached = file != nullptr ? file->cached(page) : nullptr;
  if (cache_ && cached) cache_->mark_dirty(*cached, old_in);
}

void FileSystem::install(std::string_view path, u32 bytes, std::shared_ptr<const Executable> executable,
                         Residence residence) {
  const std::shared_ptr<Directory> directory = install_directories(path);
  Directory::Name& name = directory->names[std::string{path}];
  if (name.inode) kernel_.panic("file " + std::string{path} + " is there already");
  const auto file = std::make_shared<RegularFile>(*this, take_inode(directory->number().group));
  file->bytes = bytes;
  file->executable = std::move(executable);
  const bool in_memory = residence != Residence::disk || !cache_;
  if (residence == Residence::used) file->set_warm();
  for (u32 page = 0; !file->warm() && page < pages_for(bytes); ++page) {
    const std::optional<BlockNumber> block = place_page(*file, page);
    if (!block) kernel_.panic("no room on the disk for file " + std::string{path});
    if (!in_memory) continue;
    const std::optional<GuestFrame> frame = kernel_.take_page_for_set_up(PageUse::user);
    if (!frame) kernel_.panic("no memory for file " + std::string{path});
    insert(*file, page, *frame, *block);
  }
  if (in_memory) {
    install_block(layout_.inode_table(file->number()));
    for (const auto& [key, block] : file->lists()) install_block(block);
  }
  name.set(file, directory->take_place());
  name.looked_up = in_memory;
  add_entry_blocks(*directory);
}

}  // namespace guest
