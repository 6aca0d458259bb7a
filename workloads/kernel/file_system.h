// The file system: names, inodes and their blocks, in the manner of ext3 on Linux 2.4. Mounted on a disk, blocks that
// are not in memory are read, changes go through the journal, and data is written back; without one every file is in
// memory whole, and what a transaction has changed is forgotten when it is committed.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "workloads/kernel/block/disk.h"
#include "workloads/kernel/block_cache.h"
#include "workloads/kernel/disk_layout.h"
#include "workloads/kernel/journal.h"
#include "workloads/kernel/regular_file.h"

namespace guest {

class FileSystem;

// Its entries are in its blocks in the order of their places; a name that was once looked up stays in the directory
// cache, also when there is no such file.
class Directory final : public Inode {
 public:
  explicit Directory(InodeNumber number) : number_{number} {}
  u32 blocks() const override { return static_cast<u32>(entry_blocks.size()); }
  std::shared_ptr<OpenFile> open(const std::shared_ptr<Inode>& self) override;  // to be listed
  InodeNumber number() const { return number_; }
  void set_number(InodeNumber number) { number_ = number; }

  struct Name {
    std::shared_ptr<Inode> inode;  // null: known not to exist
    u32 place = 0;                 // of its entry
    bool looked_up = true;         // it is in the directory cache; else only on the disk
    KernelObject object = {};      // the dentry
    void set(std::shared_ptr<Inode> to, u32 its_place) {
      inode = std::move(to);
      place = its_place;
      looked_up = true;
    }
  };
  std::map<std::string, Name, std::less<>> names;
  std::vector<BlockNumber> entry_blocks;
  // For a new name: the first free place. Its entries are searched from the first one for it.
  u32 take_place();
  void give_place(u32 place) { free_places_.insert(place); }
  u32 places() const { return places_; }
  u32 blocks_for_places() const;
  static u32 block_of_place(u32 place);

 private:
  InodeNumber number_;
  u32 places_ = 0;  // ever used, which is what a search for a name that is not there goes through
  std::set<u32> free_places_;
};

class FileSystem {
 public:
  explicit FileSystem(Kernel& kernel);
  FileSystem(const FileSystem&) = delete;
  FileSystem& operator=(const FileSystem&) = delete;

  // Puts it on a disk, before it has files: what mke2fs has made there, with its super block, group descriptors and
  // root in memory. `ordered`: data=ordered, else data=writeback, see Journal.
  void mount(const Disk& disk, bool ordered);
  BlockCache* cache() { return cache_ ? &*cache_ : nullptr; }  // null: there is no disk
  Journal& journal() { return journal_; }
  const DiskLayout& layout() const { return layout_; }

  // --- names; charged, in a process, which gets the error ------------------------------------------------------------
  model::Task<std::shared_ptr<Inode>> find(std::string_view path);  // null: no such file
  // The regular file of that name, made if it is not there, else emptied unless it is to be kept. Null: it cannot be.
  enum class Existing : u8 { empty, keep };
  model::Task<std::shared_ptr<Inode>> create(std::string_view path, Existing existing);
  model::Task<bool> make_directory(std::string_view path);
  // False: no such file, or a directory. The file itself goes when nobody has it open or mapped any more.
  model::Task<bool> unlink(std::string_view path);
  model::Task<bool> rename(std::string_view from, std::string_view to);  // false: it cannot be
  model::Task<bool> set_times(std::string_view path);                    // false: no such file
  // The blocks of the first `places` entries of a directory are in memory; false: they cannot be read.
  model::Task<bool> read_blocks(const Directory& directory, u32 places);

  // --- contents; charged, in a process ------------------------------------------------------------------------------
  // A page of the file, in memory and read; null: it cannot be. A hole is a page of zeros.
  model::Task<BlockPointer> page(RegularFile& file, u32 page);
  // A page that will be: it is read if it is on the disk, and not waited for.
  model::Task<BlockPointer> start_page(RegularFile& file, u32 page);
  // Makes ready to write `bytes` into a page of the file: it and its block are there, and zeros where it is fresh.
  // Null: they cannot be. Then the bytes are copied, and written() ends it.
  model::Task<BlockPointer> prepare_write(RegularFile& file, u32 page, u32 bytes);
  model::Task<> written(RegularFile& file, BlockPointer page, u32 end_of_file);
  model::Task<> truncate(RegularFile& file);
  model::Task<bool> sync(RegularFile& file);  // everything of it is on the disk; false: it could not be
  model::Task<> sync_all();
  // Deletes the unlinked files that nobody has open or mapped any more.
  model::Task<> delete_orphans();
  model::Task<> write_back();  // what is due every five seconds

  // --- before the programs begin: no cost ---------------------------------------------------------------------------
  // A file, and the directories on the way to it; with all its pages in memory, or only on the disk. Used: as in
  // memory, but a page gets its frame when it is first used, for nothing; for large sets of files of which a run uses a
  // part, and which has no place on the disk.
  enum class Residence : u8 { memory, disk, used };
  void install(std::string_view path, u32 bytes, std::shared_ptr<const Executable> executable = nullptr,
               Residence residence = Residence::memory);
  // A page of such a file was changed, and will be old enough to be written in so many ticks: no sooner than those
  // before.
  void install_change(std::string_view path, u32 page, u64 old_in);
  void install_device(std::string_view path, std::shared_ptr<Inode> device);  // its file
  Inode* installed(std::string_view path) const;                              // null: no such file
  // What earlier work has left in memory: each group's bitmaps, and where its inodes begin.
  void install_bitmaps();

  u32 blocks_in_use() const { return blocks_in_use_; }

 private:
  struct Position {
    std::shared_ptr<Directory> directory;  // null: a directory on the way is not there
    std::string_view name;
  };

  model::Task<Position> walk_to_parent(std::string_view path);
  model::Task<Directory::Name*> look_up(Directory& directory, std::string_view name);
  model::Task<bool> search(const Directory& directory, u32 places);
  model::Task<bool> move_entry(const Position& source, const Position& target);
  model::Task<bool> read_metadata(BlockNumber block);
  model::Task<bool> add_entry(Directory& directory, Directory::Name& name, std::shared_ptr<Inode> inode,
                              InodeNumber number);
  model::Task<> delete_file(const std::shared_ptr<RegularFile>& file);
  InodeNumber take_inode(u32 group);

  void lay_out(Directory& directory);
  std::shared_ptr<Directory> install_directories(std::string_view& path);
  void add_entry_blocks(Directory& directory);
  void install_block(BlockNumber block);

  model::Task<> change(BlockNumber block);
  model::Task<> change_inode(InodeNumber number);
  model::Task<> change_inodes(u32 group);          // which are taken
  model::Task<> change_blocks(BlockNumber block);  // the same of the group of a block
  model::Task<> change_allocation(BlockNumber bitmap, u32 group);
  model::Task<> change_entry(const Directory& directory, u32 place);

  BlockNumber goal_for(const RegularFile& file, u32 page) const;
  std::optional<BlockNumber> place_page(RegularFile& file, u32 page);
  model::Task<bool> add_directory_block(Directory& directory);
  model::Task<bool> add_block(RegularFile& file, u32 page);
  model::Task<bool> read_lists(const RegularFile& file, u32 page);
  model::Task<> free_blocks(RegularFile& file);
  model::Task<BlockPointer> map_for_write(RegularFile& file, u32 page, u32 bytes);
  BlockPointer insert(RegularFile& file, u32 page, GuestFrame frame, BlockNumber block);
  model::Task<GuestFrame> take_page();

  Kernel& kernel_;
  DiskLayout layout_;
  std::optional<BlockCache> cache_;
  Journal journal_;
  std::shared_ptr<Directory> root_;
  std::vector<std::shared_ptr<RegularFile>> orphans_;  // unlinked, but open or mapped
  u32 blocks_in_use_ = 0;
};

}  // namespace guest
