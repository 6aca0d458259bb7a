// A regular file: which blocks it has, and its pages. (Linux 2.4, mm/filemap.c and fs/ext3/inode.c.)
#pragma once

#include <array>
#include <span>
#include <utility>

#include "workloads/kernel/file.h"

namespace guest {

class FileSystem;

class RegularFile final : public Inode {
 public:
  RegularFile(FileSystem& file_system, InodeNumber number) : file_system_{file_system}, number_{number} {}
  std::shared_ptr<OpenFile> open(const std::shared_ptr<Inode>& self) override;
  u32 blocks() const override { return data_.size() + static_cast<u32>(lists_.size()); }
  model::Task<BlockPointer> page_for_fault(u32 page) override;
  void dirtied(u32 page) override;
  FileSystem& file_system() const { return file_system_; }
  InodeNumber number() const { return number_; }
  BlockPointer cached(u32 page) const { return pages.find(page); }  // null: it is not in memory

  // --- where it is on the disk --------------------------------------------------------------------------------------
  const BlockMap& data() const { return data_; }
  void add_data(u32 page, BlockNumber block) { data_.add(page, block); }
  // Blocks after the first 12 are listed in blocks of their own. Those on the way to a page's, from the inode on: the
  // keys under which they are kept.
  struct ListKeys {
    u32 count = 0;
    std::array<u32, 2> key{};
    std::span<const u32> all() const { return std::span{key}.first(count); }
  };
  static ListKeys lists_to(u32 page);
  const std::map<u32, BlockNumber>& lists() const { return lists_; }
  void add_list(u32 key, BlockNumber block) { lists_.emplace(key, block); }
  void clear_blocks() {
    data_.clear();
    lists_.clear();
  }

  BlockList<&CachedBlock::in_file>& dirty_pages() { return dirty_pages_; }  // the oldest first
  void write_failed() { write_failed_ = true; }
  // Whether its pages are as if they had been in memory for long.
  bool warm() const { return warm_; }
  void set_warm() { warm_ = true; }
  bool take_write_failed() { return std::exchange(write_failed_, false); }
  // Whether its times change on the disk, which they do once a second.
  bool touch(u64 second) { return std::exchange(touched_, second) != second; }

 private:
  FileSystem& file_system_;
  InodeNumber number_;
  BlockMap data_;
  std::map<u32, BlockNumber> lists_;
  BlockList<&CachedBlock::in_file> dirty_pages_;
  bool warm_ = false;
  bool write_failed_ = false;  // of its pages, since somebody was told
  u64 touched_ = ~u64{0};      // second
};

}  // namespace guest
