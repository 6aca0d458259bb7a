// The file system: blocks and pages of files. (Linux 2.4, fs/ext3/inode.c, fs/ext3/balloc.c, mm/filemap.c.)
#include <algorithm>
#include <utility>

#include "workloads/kernel/file_system.h"
#include "workloads/kernel/kernel.h"

namespace guest {

// --- what a transaction changes --------------------------------------------------------------------------------------

model::Task<> FileSystem::change(BlockNumber block) {
  const bool read = co_await journal_.change(block);
  if (!read) kernel_.current().error = Error::io;
}

model::Task<> FileSystem::change_inode(InodeNumber number) { return change(layout_.inode_table(number)); }

model::Task<> FileSystem::change_allocation(BlockNumber bitmap, u32 group) {
  co_await change(bitmap);
  co_await change(layout_.group_descriptor(group));
  co_await change(layout_.super_block());
}

model::Task<> FileSystem::change_inodes(u32 group) { return change_allocation(layout_.inode_bitmap(group), group); }

model::Task<> FileSystem::change_blocks(BlockNumber block) {
  const u32 group = DiskLayout::group_of(block);
  return change_allocation(layout_.block_bitmap(group), group);
}

model::Task<> FileSystem::change_entry(const Directory& directory, u32 place) {
  co_await change(directory.entry_blocks[directory.block_of_place(place)]);
  co_await change_inode(directory.number());
}

// --- blocks ----------------------------------------------------------------------------------------------------------

// Behind the file's last block; the first one as near to its inode as there is room.
BlockNumber FileSystem::goal_for(const RegularFile& file, u32 page) const {
  const std::optional<BlockNumber> last = file.data().before(page);
  return last ? *last + 1 : layout_.first_of(file.number().group);
}

// A block for a page, and those that list it if they are not there. Nothing: the disk is full.
std::optional<BlockNumber> FileSystem::place_page(RegularFile& file, u32 page) {
  BlockNumber goal = goal_for(file, page);
  const RegularFile::ListKeys keys = RegularFile::lists_to(page);
  for (const u32 key : keys.all()) {
    if (file.lists().contains(key)) continue;
    const std::optional<BlockNumber> list = layout_.allocate(goal);
    if (!list) return std::nullopt;
    file.add_list(key, *list);
    ++blocks_in_use_;
    goal = *list + 1;
  }
  const std::optional<BlockNumber> block = layout_.allocate(goal);
  if (!block) return std::nullopt;
  file.add_data(page, *block);
  ++blocks_in_use_;
  return block;
}

model::Task<bool> FileSystem::add_directory_block(Directory& directory) {
  const BlockNumber goal =
      directory.entry_blocks.empty() ? layout_.first_of(directory.number().group) : directory.entry_blocks.back() + 1;
  const std::optional<BlockNumber> block = layout_.allocate(goal);
  if (!block) {
    kernel_.current().error = Error::no_space;
    co_return false;
  }
  kernel_.charge(kernel_.paths().block_allocate);
  ++blocks_in_use_;
  directory.entry_blocks.push_back(*block);
  co_await journal_.change_fresh(*block);
  co_await change_inode(directory.number());
  co_await change_blocks(*block);
  co_return true;
}

model::Task<bool> FileSystem::add_block(RegularFile& file, u32 page) {
  const std::size_t lists_before = file.lists().size();
  const std::optional<BlockNumber> block = place_page(file, page);
  if (!block) {
    kernel_.current().error = Error::no_space;
    co_return false;
  }
  kernel_.charge(kernel_.paths().block_allocate, 1 + file.lists().size() - lists_before);
  co_await change_inode(file.number());
  co_await change_blocks(*block);
  const RegularFile::ListKeys keys = RegularFile::lists_to(page);
  if (file.lists().size() > lists_before) {
    for (const u32 key : keys.all()) {
      co_await journal_.change_fresh(file.lists().at(key));
      co_await change_blocks(file.lists().at(key));
    }
  } else if (keys.count > 0) {
    co_await change(file.lists().at(keys.all().back()));
  }
  co_return kernel_.current().error == Error::none;
}

model::Task<bool> FileSystem::read_lists(const RegularFile& file, u32 page) {
  if (!cache_) co_return true;
  const RegularFile::ListKeys keys = RegularFile::lists_to(page);
  for (const u32 key : keys.all()) {
    const auto list = file.lists().find(key);
    if (list == file.lists().end()) co_return true;  // a hole
    const bool read = co_await read_metadata(list->second);
    if (!read) co_return false;
  }
  co_return true;
}

// --- pages -----------------------------------------------------------------------------------------------------------

model::Task<GuestFrame> FileSystem::take_page() { return kernel_.reclaim().take_page(PageUse::user); }

BlockPointer FileSystem::insert(RegularFile& file, u32 page, GuestFrame frame, BlockNumber block) {
  const auto cached = std::make_shared<CachedBlock>(frame, block, &file, page);
  file.pages.insert(page, cached);
  if (cache_) cache_->adopt(*cached);
  return cached;
}

model::Task<BlockPointer> FileSystem::start_page(RegularFile& file, u32 page) {
  if (file.warm()) {
    const std::optional<GuestFrame> frame = kernel_.pages().take(PageUse::user);
    co_return insert(file, page, frame ? *frame : kernel_.take_page(PageUse::user), kNoBlock);
  }
  if (file.data().at(page)) {
    const bool listed = co_await read_lists(file, page);
    if (!listed) co_return nullptr;
  }
  const GuestFrame frame = co_await take_page();
  if (BlockPointer faster = file.cached(page)) {  // by somebody else
    kernel_.pages().give(frame);
    co_return faster;
  }
  const std::optional<BlockNumber> block = file.data().at(page);
  const BlockPointer cached = insert(file, page, frame, block.value_or(kNoBlock));
  if (cache_ && block) {
    kernel_.charge(kernel_.paths().read_page);
    cached->current = false;
    co_await cache_->start_read(cached);
  } else {
    kernel_.charge_zeroing(hv::kPageSize);
  }
  co_return cached;
}

model::Task<BlockPointer> FileSystem::page(RegularFile& file, u32 number) {
  BlockPointer page = file.cached(number);
  if (!page) page = co_await start_page(file, number);
  if (page && cache_) {
    const bool current = co_await cache_->make_current(page);
    if (!current) page.reset();
  }
  co_return page;
}

// --- writing ---------------------------------------------------------------------------------------------------------

model::Task<BlockPointer> FileSystem::prepare_write(RegularFile& file, u32 number, u32 bytes) {
  kernel_.charge(kernel_.paths().page_cache);
  co_await kernel_.big_lock().take();
  BlockPointer page = co_await map_for_write(file, number, bytes);
  co_await kernel_.big_lock().release();
  co_return page;
}

model::Task<BlockPointer> FileSystem::map_for_write(RegularFile& file, u32 number, u32 bytes) {
  kernel_.charge(kernel_.paths().write_page);
  BlockPointer page = file.cached(number);
  const bool fresh = !file.data().at(number);
  if (!page && !fresh && bytes < hv::kPageSize) {
    page = co_await this->page(file, number);  // what is not written of it stays
    if (!page) {
      kernel_.current().error = Error::io;
      co_return nullptr;
    }
  } else if (page && cache_) {
    const bool current = co_await cache_->make_current(page);
    if (!current) {
      kernel_.current().error = Error::io;
      co_return nullptr;
    }
  }
  const bool zeros = !page;
  if (!page) {
    const GuestFrame frame = co_await take_page();
    page = file.cached(number);
    if (page) {
      kernel_.pages().give(frame);
    } else {
      page = insert(file, number, frame, kNoBlock);
    }
  }
  co_await journal_.start();
  if (fresh) {
    const bool added = co_await add_block(file, number);
    if (!added) {
      journal_.stop();
      co_return nullptr;
    }
    if (zeros) kernel_.charge_zeroing(hv::kPageSize - bytes);
  }
  page->block = *file.data().at(number);
  co_return page;
}

model::Task<> FileSystem::written(RegularFile& file, BlockPointer page, u32 end) {
  co_await kernel_.big_lock().take();
  const bool grows = end > file.bytes;
  if (grows) file.bytes = end;
  if (grows || file.touch(kernel_.ticks() / kTicksPerSecond)) co_await change_inode(file.number());
  if (cache_) {
    cache_->mark_dirty(*page);
    journal_.order(*page);
  }
  journal_.stop();
  co_await kernel_.big_lock().release();
  if (cache_) co_await cache_->balance();
}

model::Task<> FileSystem::truncate(RegularFile& file) {
  co_await file.mutex.lock(kernel_);
  co_await kernel_.big_lock().take();
  co_await journal_.start();
  file.bytes = 0;
  co_await change_inode(file.number());
  if (file.blocks() > 0) co_await free_blocks(file);
  while (true) {
    const BlockPointer page = file.pages.first();
    if (!page) break;
    if (cache_ && page->buffer.locked) {
      co_await cache_->wait(page);
      continue;
    }
    file.pages.erase(page->page);
    if (cache_) {
      cache_->drop(*page);
    } else {
      kernel_.pages().give(page->frame);
    }
  }
  journal_.stop();
  co_await kernel_.big_lock().release();
  file.mutex.unlock(kernel_);
}

model::Task<> FileSystem::free_blocks(RegularFile& file) {
  kernel_.charge(kernel_.paths().block_free, file.blocks());
  blocks_in_use_ -= file.blocks();
  std::set<u32> groups;
  for (const auto& [page, run] : file.data().runs()) {
    for (u32 i = 0; i < run.length; ++i) journal_.free_data(run.first + i);
    for (u32 group = DiskLayout::group_of(run.first); group <= DiskLayout::group_of(run.first + run.length - 1);) {
      groups.insert(group++);
    }
  }
  for (const auto& [key, block] : file.lists()) {
    groups.insert(DiskLayout::group_of(block));
    // Its numbers are read before it goes.
    co_await read_metadata(block);
    co_await journal_.free_metadata(block);
  }
  for (const u32 group : groups) co_await change_blocks(layout_.first_of(group));
  file.clear_blocks();
}

// --- to the disk -----------------------------------------------------------------------------------------------------

model::Task<bool> FileSystem::sync(RegularFile& file) {
  kernel_.charge(kernel_.paths().file_sync);
  if (cache_) {
    std::vector<BlockPointer> pages;
    file.pages.for_each([&](const BlockPointer& page) {
      if (page->dirty() || page->buffer.locked) pages.push_back(page);
    });
    for (const BlockPointer& page : pages) co_await cache_->start_write(page);
    for (const BlockPointer& page : pages) co_await cache_->wait(page);
  }
  const bool committed = co_await journal_.force();
  co_return committed && !file.take_write_failed();
}

model::Task<> FileSystem::sync_all() {
  if (cache_) co_await cache_->write_all();
  co_await journal_.force();
}

model::Task<> FileSystem::write_back() {
  co_await delete_orphans();
  if (!cache_) {
    co_await journal_.commit_without_disk();
    co_return;
  }
  journal_.request_commit();
  co_await cache_->write_old();
}

}  // namespace guest
