// The running transaction of a journalling file system (ext3): which blocks of metadata the operations since the last
// commit have changed. A block that several of them changed is written once.
#pragma once

#include <compare>
#include <cstddef>
#include <set>

#include "workloads/kernel/memory.h"

namespace guest {

struct MetadataBlock {
  enum class Kind : u8 { super_block, group_descriptors, block_bitmap, inode_bitmap, inode_table, directory, indirect };
  Kind kind;
  u32 owner = 0;   // group of a bitmap or inode table; inode of a directory or indirect block
  u32 number = 0;  // of its kind there
  friend constexpr auto operator<=>(const MetadataBlock&, const MetadataBlock&) = default;
};

class Journal {
 public:
  void change(const MetadataBlock& block) { running_.insert(block); }
  // Ends the running transaction; the blocks it has changed.
  u32 commit() {
    const auto blocks = static_cast<u32>(running_.size());
    running_.clear();
    return blocks;
  }

 private:
  std::set<MetadataBlock> running_;
};

}  // namespace guest
