#include "workloads/kernel/file_system.h"

#include <algorithm>

#include "workloads/kernel/device.h"
#include "workloads/kernel/kernel.h"

namespace guest {

namespace {

// An ext3 file system of 2 GB as mke2fs of 2003 lays it out: groups of 128 MB, an inode of 128 bytes for every 8 KB.
constexpr u32 kGroups = 16, kInodesPerGroup = 16'384;
constexpr u32 kInodesPerBlock = hv::kPageSize / 128;
// Entries of short names are 12 to 28 bytes long.
constexpr u32 kEntriesPerBlock = hv::kPageSize / 20;

constexpr u32 kDirectBlocks = 12, kNumbersPerBlock = hv::kPageSize / 4;

constexpr u32 blocks_of_entries(u32 places) { return std::max(1u, (places + kEntriesPerBlock - 1) / kEntriesPerBlock); }

// The indirect block that lists a page's block.
constexpr u32 list_of(u32 page) { return (page - kDirectBlocks) / kNumbersPerBlock; }

u32 pages_for(u32 bytes) { return bytes / hv::kPageSize + (bytes % hv::kPageSize != 0); }

// Takes the first name off the path; empty: there is none.
std::string_view take_name(std::string_view& path) {
  path.remove_prefix(std::min(path.find_first_not_of('/'), path.size()));
  const std::string_view name = path.substr(0, path.find('/'));
  path.remove_prefix(name.size());
  return name;
}

}  // namespace

// --- inodes ----------------------------------------------------------------------------------------------------------

u32 InodeNumber::value() const { return group * kInodesPerGroup + index; }

u32 RegularFile::add_page(u32 page, GuestFrame frame) {
  u32 added = 1;
  if (page >= kDirectBlocks) {
    const u32 list = list_of(page), first = kDirectBlocks + list * kNumbersPerBlock;
    const auto listed = pages.lower_bound(first);
    if (listed == pages.end() || listed->first >= first + kNumbersPerBlock) ++added;
    // Only the first list's number fits the inode; a block of its own has those of the others.
    if (list > 0 && pages.lower_bound(kDirectBlocks + kNumbersPerBlock) == pages.end()) ++added;
  }
  pages.emplace(page, frame);
  blocks_ += added;
  return added;
}

u32 Directory::blocks() const { return blocks_of_entries(places_); }

u32 Directory::take_place() {
  if (free_places_.empty()) return places_++;
  const u32 place = *free_places_.begin();
  free_places_.erase(free_places_.begin());
  return place;
}

FileSystem::FileSystem(Kernel& kernel)
    : kernel_{kernel}, groups_(kGroups), root_{std::make_shared<Directory>(take_directory_inode())} {
  install_device("/dev/zero", std::make_shared<ZeroDevice>());
  install_device("/dev/null", std::make_shared<NullDevice>());
}

InodeNumber FileSystem::take_inode(u32 group) {
  for (u32 i = 0; i < kGroups; ++i) {
    const u32 number = (group + i) % kGroups;
    Group& there = groups_[number];
    if (!there.free_indices.empty()) {
      const u32 index = *there.free_indices.begin();
      there.free_indices.erase(there.free_indices.begin());
      return {number, index};
    }
    if (there.next_index < kInodesPerGroup) return {number, there.next_index++};
  }
  kernel_.panic("its file system has no inode left");
}

// Directories are spread over the groups; the files of a directory are in its group.
InodeNumber FileSystem::take_directory_inode() { return take_inode(next_directory_group_++ % kGroups); }

// --- what a transaction changes --------------------------------------------------------------------------------------

void FileSystem::change_inode(InodeNumber number) {
  journal_.change({MetadataBlock::Kind::inode_table, number.group, number.index / kInodesPerBlock});
}

void FileSystem::change_allocation(InodeNumber owner, MetadataBlock::Kind bitmap) {
  journal_.change({bitmap, owner.group});
  journal_.change({MetadataBlock::Kind::group_descriptors});
  journal_.change({MetadataBlock::Kind::super_block});
}

void FileSystem::change_entry(const Directory& directory, u32 place) {
  journal_.change({MetadataBlock::Kind::directory, directory.number().value(), place / kEntriesPerBlock});
  change_inode(directory.number());
}

void FileSystem::commit() { kernel_.charge(kernel_.paths().journal_block, journal_.commit()); }

// --- names -----------------------------------------------------------------------------------------------------------

Directory::Name& FileSystem::look_up(Directory& directory, std::string_view name) {
  kernel_.charge(kernel_.paths().path_component);
  const auto known = directory.names.find(name);
  if (known != directory.names.end()) return known->second;
  kernel_.charge(kernel_.paths().directory_entry, directory.places());
  return directory.names[std::string{name}];
}

FileSystem::Position FileSystem::walk_to_parent(std::string_view path) {
  Position position{root_, take_name(path)};
  while (true) {
    const std::string_view next = take_name(path);
    if (next.empty()) return position;
    const Directory::Name& name = look_up(*position.directory, position.name);
    position = {std::dynamic_pointer_cast<Directory>(name.inode), next};
    if (!position.directory) return position;
  }
}

std::shared_ptr<Inode> FileSystem::find(std::string_view path) {
  const Position position = walk_to_parent(path);
  if (!position.directory) return nullptr;
  if (position.name.empty()) return root_;
  return look_up(*position.directory, position.name).inode;
}

void FileSystem::add_entry(Directory& directory, Directory::Name& name, std::shared_ptr<Inode> inode,
                           InodeNumber number) {
  const u32 blocks = directory.blocks();
  name = {std::move(inode), directory.take_place()};
  kernel_.charge(kernel_.paths().directory_entry, name.place + 1);
  kernel_.charge(kernel_.paths().file_create);
  change_entry(directory, name.place);
  change_inode(number);
  change_allocation(number, MetadataBlock::Kind::inode_bitmap);
  if (directory.blocks() > blocks) add_blocks(directory.number(), directory.blocks() - blocks);
}

std::shared_ptr<Inode> FileSystem::create(std::string_view path) {
  const Position position = walk_to_parent(path);
  if (!position.directory || position.name.empty()) return nullptr;
  Directory& directory = *position.directory;
  Directory::Name& name = look_up(directory, position.name);
  if (!name.inode) {
    const InodeNumber number = take_inode(directory.number().group);
    add_entry(directory, name, std::make_shared<RegularFile>(*this, number), number);
  } else if (auto* file = dynamic_cast<RegularFile*>(name.inode.get())) {
    truncate(*file);
  }
  return name.inode;
}

bool FileSystem::make_directory(std::string_view path) {
  const Position position = walk_to_parent(path);
  if (!position.directory || position.name.empty()) return false;
  Directory::Name& name = look_up(*position.directory, position.name);
  if (name.inode) return false;
  const InodeNumber number = take_directory_inode();
  add_entry(*position.directory, name, std::make_shared<Directory>(number), number);
  add_blocks(number, 1);
  return true;
}

bool FileSystem::unlink(std::string_view path) {
  const Position position = walk_to_parent(path);
  if (!position.directory || position.name.empty()) return false;
  Directory& directory = *position.directory;
  Directory::Name& name = look_up(directory, position.name);
  auto file = std::dynamic_pointer_cast<RegularFile>(name.inode);
  if (!file) return false;
  kernel_.charge(kernel_.paths().directory_entry, name.place + 1);
  kernel_.charge(kernel_.paths().file_delete);
  change_entry(directory, name.place);
  change_inode(file->number());
  directory.give_place(name.place);
  name = {};
  orphans_.push_back(std::move(file));
  delete_orphans();
  return true;
}

void FileSystem::delete_orphans() {
  for (std::size_t i = 0; i < orphans_.size();) {
    if (orphans_[i].use_count() > 1) {
      ++i;
      continue;
    }
    const std::shared_ptr<RegularFile> file = std::move(orphans_[i]);
    orphans_.erase(orphans_.begin() + static_cast<std::ptrdiff_t>(i));
    truncate(*file);
    groups_[file->number().group].free_indices.insert(file->number().index);
    change_allocation(file->number(), MetadataBlock::Kind::inode_bitmap);
  }
}

// --- contents --------------------------------------------------------------------------------------------------------

void FileSystem::add_blocks(InodeNumber owner, u32 blocks) {
  kernel_.charge(kernel_.paths().block_allocate, blocks);
  blocks_in_use_ += blocks;
  change_inode(owner);
  change_allocation(owner, MetadataBlock::Kind::block_bitmap);
}

void FileSystem::change_block_number(const RegularFile& file, u32 page) {
  if (page < kDirectBlocks) return;  // in the inode
  journal_.change({MetadataBlock::Kind::indirect, file.number().value(), list_of(page)});
}

void FileSystem::prepare_write(RegularFile& file, u32 page, u32 bytes) {
  kernel_.charge(kernel_.paths().page_cache);
  kernel_.charge(kernel_.paths().write_page);
  change_inode(file.number());  // its size and times
  if (file.pages.contains(page)) return;
  add_blocks(file.number(), file.add_page(page, kernel_.take_page(PageUse::user)));
  change_block_number(file, page);
  kernel_.charge_zeroing(hv::kPageSize - bytes);
}

void FileSystem::truncate(RegularFile& file) {
  const u32 blocks = file.blocks();
  file.bytes = 0;
  change_inode(file.number());
  if (file.pages.empty()) return;
  kernel_.charge(kernel_.paths().block_free, blocks);
  blocks_in_use_ -= blocks;
  change_allocation(file.number(), MetadataBlock::Kind::block_bitmap);
  for (const auto& [page, frame] : file.pages) {
    change_block_number(file, page);
    kernel_.pages().give(frame);
  }
  file.clear();
}

// --- before the programs begin ---------------------------------------------------------------------------------------

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
    if (!entry.inode) entry = {std::make_shared<Directory>(take_directory_inode()), directory->take_place()};
    directory = std::dynamic_pointer_cast<Directory>(entry.inode);
    if (!directory) kernel_.panic("no directory in the way to the file " + std::string{name});
  }
}

void FileSystem::install_device(std::string_view path, std::shared_ptr<Inode> device) {
  const std::shared_ptr<Directory> directory = install_directories(path);
  directory->names[std::string{path}] = {std::move(device), directory->take_place()};
}

void FileSystem::install(std::string_view path, u32 bytes, std::shared_ptr<const Executable> executable) {
  const std::shared_ptr<Directory> directory = install_directories(path);
  Directory::Name& name = directory->names[std::string{path}];
  if (name.inode) kernel_.panic("file " + std::string{path} + " is there already");
  const auto file = std::make_shared<RegularFile>(*this, take_inode(directory->number().group));
  file->bytes = bytes;
  file->executable = std::move(executable);
  for (u32 page = 0; page < pages_for(bytes); ++page) {
    const std::optional<GuestFrame> frame = kernel_.pages().take(PageUse::user);
    if (!frame) kernel_.panic("no memory for file " + std::string{path});
    blocks_in_use_ += file->add_page(page, *frame);
  }
  name = {file, directory->take_place()};
}

}  // namespace guest
