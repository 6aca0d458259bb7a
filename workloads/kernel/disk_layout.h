// Where things are on a disk with an ext3 file system of 4 KB blocks, as mke2fs and Linux 2.4 put them there: groups of
// 128 MB, each with its bitmaps, its part of the inode table and its blocks for contents; the journal lies in one piece
// in the first group. What is free is kept here; who has the rest is known elsewhere.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <vector>

#include "workloads/kernel/memory.h"

namespace guest {

using BlockNumber = u32;                    // of 4 KB, from the beginning of the file system
inline constexpr BlockNumber kNoBlock = 0;  // is the super block's, so that it is nobody else's
inline constexpr u32 kBlockBytes = hv::kPageSize;
inline constexpr u32 kBlockSectors = kBlockBytes / 512;

// Where an inode's record is: its block group, and its place in the inode table there.
struct InodeNumber {
  u32 group = 0, index = 0;
};

class DiskLayout {
 public:
  static constexpr u32 kGroupBlocks = 8 * kBlockBytes;  // a bit of one bitmap block each
  static constexpr u32 kGroupInodes = 16'384;           // one for every 8 KB
  static constexpr u32 kInodesPerBlock = kBlockBytes / 128;

  explicit DiskLayout(u64 blocks);

  u32 groups() const { return static_cast<u32>(groups_.size()); }
  BlockNumber journal_start() const { return journal_start_; }
  u32 journal_blocks() const { return journal_blocks_; }

  // --- fixed places -------------------------------------------------------------------------------------------------
  BlockNumber super_block() const { return 0; }
  BlockNumber group_descriptor(u32 group) const { return 1 + group / kDescriptorsPerBlock; }
  BlockNumber block_bitmap(u32 group) const { return groups_[group].fixed; }
  BlockNumber inode_bitmap(u32 group) const { return groups_[group].fixed + 1; }
  BlockNumber inode_table(InodeNumber inode) const {
    return groups_[inode.group].fixed + 2 + inode.index / kInodesPerBlock;
  }
  static constexpr u32 group_of(BlockNumber block) { return block / kGroupBlocks; }
  BlockNumber first_of(u32 group) const { return group * kGroupBlocks; }

  // --- what is given away -------------------------------------------------------------------------------------------
  // A block near `goal`: that one, or the next free one within its 64, or the first of eight free ones in a row after
  // it in its group, or any there, or in the groups behind it [ext3_new_block]. Nothing: the disk is full.
  std::optional<BlockNumber> allocate(BlockNumber goal);
  void free(BlockNumber block);
  u32 free_blocks() const { return free_blocks_; }
  // In the group if it has one, else in one behind it.
  std::optional<InodeNumber> take_inode(u32 group);
  void give_inode(InodeNumber inode) { groups_[inode.group].free_inodes.insert(inode.index); }
  u32 next_directory_group() { return next_directory_group_++ % groups(); }  // directories are spread over all

 private:
  static constexpr u32 kDescriptorsPerBlock = kBlockBytes / 32;
  static constexpr u32 kInodeTableBlocks = kGroupInodes / kInodesPerBlock;

  struct Group {
    BlockNumber fixed = 0;  // its bitmaps, then its inode table
    u32 blocks = 0;         // in it; the last one may be short
    u32 first_free = 0;     // all before it are taken
    u32 next_inode = 0;     // never taken before
    std::set<u32> free_inodes;
    std::vector<u64> taken;  // a bit per block; made when the first one is given away
    bool is_taken(u32 index) const { return (taken[index / 64] >> index % 64 & 1) != 0; }
  };

  std::optional<u32> find_in(Group& group, u32 from);
  BlockNumber take(u32 group, u32 index);

  std::vector<Group> groups_;
  BlockNumber journal_start_ = 0;
  u32 journal_blocks_ = 0;
  u32 free_blocks_ = 0;
  u32 next_directory_group_ = 0;
};

// The blocks of a file by its pages. Neighbours that are neighbours on the disk are one entry.
class BlockMap {
 public:
  std::optional<BlockNumber> at(u32 page) const;
  void add(u32 page, BlockNumber block);
  // Of the last page before `page` that has one.
  std::optional<BlockNumber> before(u32 page) const;
  u32 size() const { return size_; }
  struct Run {
    BlockNumber first;
    u32 length;
  };
  const std::map<u32, Run>& runs() const { return runs_; }  // by their first page
  void clear() {
    runs_.clear();
    size_ = 0;
  }

 private:
  std::map<u32, Run> runs_;
  u32 size_ = 0;
};

}  // namespace guest
