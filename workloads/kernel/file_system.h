// The file system: names, inodes and their blocks, in the manner of ext3 on Linux 2.4. Everything is in memory: there
// is no disk behind it, so every file is in the page cache whole, and what a transaction has changed is forgotten when
// it is committed.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "workloads/kernel/file.h"
#include "workloads/kernel/journal.h"

namespace guest {

class FileSystem;

// Where an inode's record is: its block group, and its place in the inode table there.
struct InodeNumber {
  u32 group = 0, index = 0;
  u32 value() const;
};

class RegularFile final : public Inode {
 public:
  RegularFile(FileSystem& file_system, InodeNumber number) : file_system_{file_system}, number_{number} {}
  std::shared_ptr<OpenFile> open(const std::shared_ptr<Inode>& self) override;
  u32 blocks() const override { return blocks_; }
  FileSystem& file_system() const { return file_system_; }
  InodeNumber number() const { return number_; }

  // Every page that the file has is in memory and has a block. Those after the first 12 are listed in indirect blocks.
  u32 add_page(u32 page, GuestFrame frame);  // the blocks that it took
  void clear() {
    pages.clear();
    blocks_ = 0;
  }

 private:
  FileSystem& file_system_;
  InodeNumber number_;
  u32 blocks_ = 0;
};

// Its entries are in its blocks in the order of their places; a name that was once looked up stays in the directory
// cache, also when there is no such file.
class Directory final : public Inode {
 public:
  explicit Directory(InodeNumber number) : number_{number} {}
  u32 blocks() const override;
  InodeNumber number() const { return number_; }

  struct Name {
    std::shared_ptr<Inode> inode;  // null: known not to exist
    u32 place = 0;                 // of its entry
  };
  std::map<std::string, Name, std::less<>> names;
  // For a new name: the first free place. Its entries are searched from the first one for it.
  u32 take_place();
  void give_place(u32 place) { free_places_.insert(place); }
  u32 places() const { return places_; }

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

  // --- names; charged ----------------------------------------------------------------------------------------------
  std::shared_ptr<Inode> find(std::string_view path);  // null: no such file
  // The regular file of that name, made if it is not there, else emptied. Null: it cannot be.
  std::shared_ptr<Inode> create(std::string_view path);
  bool make_directory(std::string_view path);
  // False: no such file, or a directory. The file itself goes when nobody has it open or mapped any more.
  bool unlink(std::string_view path);

  // --- contents; charged -------------------------------------------------------------------------------------------
  // Makes ready to write `bytes` into a page of the file: it and its block are there, and zeros where it is fresh.
  void prepare_write(RegularFile& file, u32 page, u32 bytes);
  void truncate(RegularFile& file);
  // Deletes the unlinked files that nobody has open or mapped any more.
  void delete_orphans();
  void commit();  // the running transaction

  // --- before the programs begin: no cost ---------------------------------------------------------------------------
  // A file with all its pages in memory, and the directories on the way to it.
  void install(std::string_view path, u32 bytes, std::shared_ptr<const Executable> executable = nullptr);

  void install_device(std::string_view path, std::shared_ptr<Inode> device);  // its file

  u32 blocks_in_use() const { return blocks_in_use_; }

 private:
  struct Position {
    std::shared_ptr<Directory> directory;  // null: a directory on the way is not there
    std::string_view name;
  };
  struct Group {
    u32 next_index = 0;
    std::set<u32> free_indices;
  };

  Position walk_to_parent(std::string_view path);
  Directory::Name& look_up(Directory& directory, std::string_view name);
  void add_entry(Directory& directory, Directory::Name& name, std::shared_ptr<Inode> inode, InodeNumber number);
  std::shared_ptr<Directory> install_directories(std::string_view& path);
  InodeNumber take_inode(u32 group);
  InodeNumber take_directory_inode();
  void change_inode(InodeNumber number);
  void change_allocation(InodeNumber owner, MetadataBlock::Kind bitmap);
  void change_entry(const Directory& directory, u32 place);
  void change_block_number(const RegularFile& file, u32 page);
  void add_blocks(InodeNumber owner, u32 blocks);

  Kernel& kernel_;
  std::vector<Group> groups_;
  u32 next_directory_group_ = 0;
  std::shared_ptr<Directory> root_;
  std::vector<std::shared_ptr<RegularFile>> orphans_;  // unlinked, but open or mapped
  Journal journal_;
  u32 blocks_in_use_ = 0;
};

}  // namespace guest
