#include "workloads/kernel/disk_layout.h"

#include <algorithm>
#include <bit>

namespace guest {

namespace {

// Copies of super block and group descriptors are in groups 0, 1 and the powers of 3, 5 and 7 (mke2fs, sparse_super).
bool has_copies(u32 group) {
  const auto is_power = [group](u32 base) {
    u64 power = base;
    while (power < group) power *= base;
    return power == group;
  };
  return group <= 1 || is_power(3) || is_power(5) || is_power(7);
}

// What mke2fs of 2003 takes for a journal (e2fsprogs, ext2fs_default_journal_size).
u32 journal_blocks_for(u64 blocks) { return blocks < 32'768 ? 1024 : blocks < 262'144 ? 4096 : 8192; }

// The first three are the bad blocks', the root's and the access lists'; the journal is 8, and users begin with 12.
constexpr u32 kReservedInodes = 11;

}  // namespace

DiskLayout::DiskLayout(u64 blocks) : groups_(static_cast<std::size_t>((blocks + kGroupBlocks - 1) / kGroupBlocks)) {
  const u32 descriptors = (groups() + kDescriptorsPerBlock - 1) / kDescriptorsPerBlock;
  for (u32 number = 0; number < groups(); ++number) {
    Group& group = groups_[number];
    group.blocks = static_cast<u32>(std::min<u64>(kGroupBlocks, blocks - u64{number} * kGroupBlocks));
    const u32 copies = has_copies(number) ? 1 + descriptors : 0;
    group.fixed = number * kGroupBlocks + copies;
    group.first_free = std::min(copies + 2 + kInodeTableBlocks, group.blocks);
    free_blocks_ += group.blocks - group.first_free;
  }
  journal_blocks_ = std::min(journal_blocks_for(blocks), free_blocks_ / 2);
  journal_start_ = groups_[0].first_free;
  groups_[0].first_free += journal_blocks_;
  groups_[0].next_inode = kReservedInodes;
  free_blocks_ -= journal_blocks_;
}

// --- blocks ----------------------------------------------------------------------------------------------------------

std::optional<u32> DiskLayout::find_in(Group& group, u32 from) {
  if (group.first_free >= group.blocks) return std::nullopt;
  if (group.taken.empty()) {
    group.taken.resize((group.blocks + 63) / 64);
    for (u32 i = 0; i < group.first_free; ++i) group.taken[i / 64] |= u64{1} << i % 64;
    for (u32 i = group.blocks; i < group.taken.size() * 64; ++i) group.taken[i / 64] |= u64{1} << i % 64;
  }
  const u32 start = std::max(from, group.first_free);
  if (start < group.blocks) {
    // The goal or one of those behind it in the same 64.
    const u64 close = ~group.taken[start / 64] >> start % 64;
    if (close != 0) return start + static_cast<u32>(std::countr_zero(close));
    for (u32 byte = start / 8; byte < group.taken.size() * 8; ++byte) {
      if ((group.taken[byte / 8] >> byte % 8 * 8 & 0xff) != 0) continue;
      u32 first = byte * 8;
      for (u32 back = 0; back < 7 && first > start && !group.is_taken(first - 1); ++back) --first;
      return first;
    }
  }
  for (u32 word = group.first_free / 64; word < group.taken.size(); ++word) {
    if (group.taken[word] != ~u64{0}) return word * 64 + static_cast<u32>(std::countr_one(group.taken[word]));
  }
  return std::nullopt;
}

BlockNumber DiskLayout::take(u32 number, u32 index) {
  Group& group = groups_[number];
  group.taken[index / 64] |= u64{1} << index % 64;
  while (group.first_free < group.blocks && group.is_taken(group.first_free)) ++group.first_free;
  --free_blocks_;
  return number * kGroupBlocks + index;
}

std::optional<BlockNumber> DiskLayout::allocate(BlockNumber goal) {
  for (u32 i = 0; i < groups(); ++i) {
    const u32 number = (group_of(goal) + i) % groups();
    if (const std::optional<u32> index = find_in(groups_[number], i == 0 ? goal % kGroupBlocks : 0)) {
      return take(number, *index);
    }
  }
  return std::nullopt;
}

void DiskLayout::free(BlockNumber block) {
  Group& group = groups_[group_of(block)];
  const u32 index = block % kGroupBlocks;
  group.taken[index / 64] &= ~(u64{1} << index % 64);
  group.first_free = std::min(group.first_free, index);
  ++free_blocks_;
}

std::optional<InodeNumber> DiskLayout::take_inode(u32 first) {
  for (u32 i = 0; i < groups(); ++i) {
    const u32 number = (first + i) % groups();
    Group& group = groups_[number];
    if (!group.free_inodes.empty()) {
      const u32 index = *group.free_inodes.begin();
      group.free_inodes.erase(group.free_inodes.begin());
      return InodeNumber{number, index};
    }
    if (group.next_inode < kGroupInodes) return InodeNumber{number, group.next_inode++};
  }
  return std::nullopt;
}

// --- blocks of a file ------------------------------------------------------------------------------------------------

std::optional<BlockNumber> BlockMap::at(u32 page) const {
  auto next = runs_.upper_bound(page);
  if (next == runs_.begin()) return std::nullopt;
  const auto& [first_page, run] = *std::prev(next);
  if (page - first_page >= run.length) return std::nullopt;
  return run.first + (page - first_page);
}

void BlockMap::add(u32 page, BlockNumber block) {
  ++size_;
  const auto next = runs_.upper_bound(page);
  if (next != runs_.begin()) {
    auto& [first_page, run] = *std::prev(next);
    if (first_page + run.length == page && run.first + run.length == block) {
      ++run.length;
      return;
    }
  }
  runs_.emplace_hint(next, page, Run{block, 1});
}

std::optional<BlockNumber> BlockMap::before(u32 page) const {
  const auto next = runs_.lower_bound(page);
  if (next == runs_.begin()) return std::nullopt;
  const auto& [first_page, run] = *std::prev(next);
  return run.first + std::min(run.length, page - first_page) - 1;
}

}  // namespace guest
