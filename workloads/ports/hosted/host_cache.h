// The page cache of a Linux 2.4 host for one block device: which pages of it are in memory, and which of those are
// newer than the disk. Bookkeeping only; host_disk.h reads and writes the disk.
//
// The least recently used clean page makes room for another. Dirty pages leave in the order in which they became dirty.
#pragma once

#include <optional>
#include <unordered_map>
#include <vector>

#include "workloads/kernel/memory.h"

namespace guest {

class HostCache {
 public:
  explicit HostCache(u32 pages);

  bool contains(u64 page) const { return places_.contains(page); }
  void use(u64 page);  // which is there
  // A page that was read, or is about to be written whole. False: all pages are dirty or being written.
  bool insert(u64 page);

  void dirty(u64 page, u64 tick);  // which is there; it stays as old as it first became dirty
  // The page that has been dirty longest, if since `tick` or earlier, is taken to be written; it stays until written().
  std::optional<u64> take_dirty(u64 tick);
  bool is_dirty(u64 page) const;
  void take_dirty_page(u64 page);  // out of turn, as it is next to another
  void written(u64 page);
  void forget(u64 page);  // a clean one

  u32 size() const { return static_cast<u32>(entries_.size()); }
  u32 dirty_pages() const { return dirty_pages_; }  // without those that are being written
  u32 writing_pages() const { return writing_pages_; }

 private:
  using Index = u32;
  static constexpr Index kNone = ~0u;
  enum class State : u8 { clean, dirty, writing, writing_and_dirty };
  struct Entry {
    u64 page = 0;
    u64 dirty_since = 0;
    State state = State::clean;
    Index before = kNone, after = kNone;  // in the list of its state
  };
  // Oldest first.
  struct List {
    Index first = kNone, last = kNone;
  };
  void append_clean(Index at);
  void insert_dirty(Index at);
  void remove(List& list, Index at);

  std::vector<Entry> entries_;
  std::vector<Index> free_;
  std::unordered_map<u64, Index> places_;  // only ever asked, never gone through
  List clean_, dirty_;
  u32 dirty_pages_ = 0, writing_pages_ = 0;
};

}  // namespace guest
