// The page cache of one file: its resident pages by their number. A table of tables, since every read looks into it.
#pragma once

#include <algorithm>
#include <array>
#include <memory>
#include <utility>
#include <vector>

#include "workloads/kernel/cached_block.h"

namespace guest {

class FilePages {
 public:
  const BlockPointer& find(u32 page) const {  // null: it is not there
    const u32 table = page / kPerTable;
    return table < tables_.size() && tables_[table] ? tables_[table]->pages[page % kPerTable] : kNone;
  }
  // It is not there yet.
  void insert(u32 page, BlockPointer block) {
    const u32 number = page / kPerTable;
    if (number >= tables_.size()) tables_.resize(number + 1);
    if (!tables_[number]) tables_[number] = std::make_unique<Table>();
    tables_[number]->pages[page % kPerTable] = std::move(block);
    ++tables_[number]->used;
    first_ = std::min(first_, number);
  }
  // It is there.
  void erase(u32 page) {
    std::unique_ptr<Table>& table = tables_[page / kPerTable];
    table->pages[page % kPerTable].reset();
    if (--table->used == 0) table.reset();
  }

  // The one with the lowest number; null: none is there.
  BlockPointer first() {
    for (; first_ < tables_.size(); ++first_) {
      if (!tables_[first_]) continue;
      return *std::ranges::find_if(tables_[first_]->pages, [](const BlockPointer& page) { return page != nullptr; });
    }
    return nullptr;
  }
  // Each of them, in the order of their numbers.
  template <class Visit>
  void for_each(Visit visit) const {
    for (const std::unique_ptr<Table>& table : tables_) {
      if (!table) continue;
      for (const BlockPointer& page : table->pages) {
        if (page) visit(page);
      }
    }
  }

 private:
  static constexpr u32 kPerTable = 64;
  static inline const BlockPointer kNone;

  struct Table {
    std::array<BlockPointer, kPerTable> pages;
    u32 used = 0;
  };
  std::vector<std::unique_ptr<Table>> tables_;  // null: none of its pages is there
  u32 first_ = 0;                               // of the tables, the first that may have one
};

}  // namespace guest
