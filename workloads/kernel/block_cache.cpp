#include "workloads/kernel/block_cache.h"

#include <algorithm>
#include <array>
#include <limits>

#include "workloads/kernel/file_system.h"
#include "workloads/kernel/kernel.h"

namespace guest {

namespace {

// Linux 2.4, fs/buffer.c: bdf_prm, NRSYNC.
constexpr u32 kStartPercent = 30, kSynchronousPercent = 60, kStopPercent = 20;
constexpr u32 kBlocksPerPass = 500, kBatch = 32;

constexpr u64 kOldTicks = 30 * kTicksPerSecond;
constexpr u64 kAny = std::numeric_limits<u64>::max();

}  // namespace

BlockCache::BlockCache(Kernel& kernel, RequestQueue& queue, u64 first_sector)
    : kernel_{kernel}, queue_{queue}, first_sector_{first_sector} {}

// --- metadata --------------------------------------------------------------------------------------------------------

BlockPointer BlockCache::cached(BlockNumber block) const {
  const auto found = metadata_.find(block);
  return found == metadata_.end() ? nullptr : found->second;
}

BlockPointer BlockCache::insert(BlockNumber number, GuestFrame frame) {
  const auto block = std::make_shared<CachedBlock>(frame, number, nullptr, 0);
  metadata_.emplace(number, block);
  adopt(*block);
  return block;
}

model::Task<BlockPointer> BlockCache::metadata(BlockNumber number) {
  BlockPointer block = cached(number);
  if (!block) {
    const GuestFrame frame = co_await kernel_.reclaim().take_page(PageUse::kernel);
    block = cached(number);
    if (block) {  // somebody else was faster
      kernel_.pages().give(frame);
    } else {
      block = insert(number, frame);
      block->current = false;
    }
  }
  const bool current = co_await make_current(block);
  if (!current) block.reset();
  co_return block;
}

model::Task<BlockPointer> BlockCache::fresh(BlockNumber number) {
  BlockPointer block = cached(number);
  if (!block) {
    const GuestFrame frame = co_await kernel_.reclaim().take_page(PageUse::kernel);
    kernel_.charge_zeroing(kBlockBytes);
    block = insert(number, frame);
  }
  co_return block;
}

void BlockCache::install(BlockNumber number) {
  if (cached(number)) return;
  const std::optional<GuestFrame> frame = kernel_.take_page_for_set_up(PageUse::kernel);
  if (!frame) kernel_.panic("no memory for the metadata of its files");
  insert(number, *frame);
}

void BlockCache::forget(BlockNumber number) {
  const auto found = metadata_.find(number);
  if (found == metadata_.end()) return;
  mark_clean(*found->second);
  kernel_.objects().free(found->second->object, ObjectKind::buffer_head);
  found->second->dropped = true;
  metadata_.erase(found);
}

// --- any block -------------------------------------------------------------------------------------------------------

void BlockCache::adopt(CachedBlock& block) {
  kernel_.pages().lists().add(block.frame, &block);
  ++cached_count_;
  block.buffer.sectors = kBlockSectors;
  block.buffer.frame = block.frame;
  block.buffer.done = [this, &block](Buffer&) { ended(block); };
}

void BlockCache::use(CachedBlock& block) {
  if (!block.dropped) kernel_.pages().lists().mark_used(block.frame);
}

void BlockCache::drop(CachedBlock& block) {
  mark_clean(block);
  kernel_.objects().free(block.object, ObjectKind::buffer_head);
  block.dropped = true;
  block.in_transaction.unlink();
  --cached_count_;
  kernel_.pages().give(block.frame);
}

model::Task<> BlockCache::start_read(BlockPointer block) {
  ++counts_.reads;
  block->buffer.sector = first_sector_ + u64{block->block} * kBlockSectors;
  co_await queue_.submit(block->buffer, BlockDirection::read);
}

model::Task<bool> BlockCache::make_current(BlockPointer block) {
  use(*block);
  if (!block->current && !block->buffer.locked) co_await start_read(block);
  if (!block->current) co_await queue_.wait(block->buffer);
  co_return block->current;
}

// In an interrupt handler: a transfer has ended.
void BlockCache::ended(CachedBlock& block) {
  if (block.buffer.failed) ++counts_.failed;
  if (!block.current) {  // it was read: what is written is current
    block.current = !block.buffer.failed;
    return;
  }
  --writing_;
  if (block.buffer.failed && block.file != nullptr) block.file->write_failed();
  if (!write_done_.empty()) kernel_.wake_all(write_done_);
  kernel_.reclaim().write_ended();
}

void BlockCache::mark_dirty(CachedBlock& block) { mark_dirty(block, kOldTicks); }

void BlockCache::mark_dirty(CachedBlock& block, u64 old_in) {
  if (block.dirty() || block.dropped) return;
  block.old_at = kernel_.ticks() + old_in;
  dirty_.push_back(block);
  ++dirty_count_;
  if (block.file != nullptr) block.file->dirty_pages().push_back(block);
}

void BlockCache::mark_clean(CachedBlock& block) {
  if (!block.dirty()) return;
  block.in_dirty.unlink();
  block.in_file.unlink();
  --dirty_count_;
}

model::Task<> BlockCache::start_write(BlockPointer block) {
  while (block->buffer.locked) co_await queue_.wait(block->buffer);  // it was changed while it was being written
  if (!block->dirty()) co_return;
  mark_clean(*block);
  ++writing_;
  ++counts_.writes;
  kernel_.charge(kernel_.paths().write_back);
  block->buffer.sector = first_sector_ + u64{block->block} * kBlockSectors;
  co_await queue_.submit(block->buffer, BlockDirection::write);
}

model::Task<> BlockCache::wait(BlockPointer block) { co_await queue_.wait(block->buffer); }

// --- write-back ------------------------------------------------------------------------------------------------------

bool BlockCache::dirty_beyond(u32 percent) const {
  const u64 all = u64{kernel_.pages().free_frames()} + kernel_.history().cached_pages() + cached_count_;
  return u64{dirty_count_ + writing_} * 100 > all * percent;
}

model::Task<> BlockCache::balance() {
  if (!dirty_beyond(kStartPercent)) co_return;
  if (Process* daemon = flush_wanted_.take_first()) kernel_.wake(*daemon);
  if (dirty_beyond(kSynchronousPercent)) counts_.flushed_by_writers += co_await write_some(kAny);
}

// A batch of the oldest ones that are not being written, up to an age.
model::Task<u32> BlockCache::write_some(u64 until) {
  std::array<BlockPointer, kBatch> batch;
  u32 count = 0;
  for (auto next = dirty_.begin(); next != dirty_.end() && count < kBatch && next->old_at <= until; ++next) {
    if (!next->buffer.locked) batch[count++] = next->shared_from_this();
  }
  for (u32 i = 0; i < count; ++i) co_await start_write(batch[i]);
  co_return count;
}

model::Task<> BlockCache::flush_daemon() {
  co_await kernel_.life().finish_switch();
  co_await kernel_.port().enable_events();
  while (true) {
    u32 left = kBlocksPerPass, written = kBatch;
    while (left > 0 && written == kBatch) {
      written = co_await write_some(kAny);
      counts_.flushed_by_daemon += written;
      left -= std::min(left, written);
    }
    co_await queue_.unplug();
    if (left > 0 || !dirty_beyond(kStopPercent)) co_await kernel_.sleep_on(flush_wanted_);
  }
}

model::Task<> BlockCache::write_old() {
  u32 written = kBatch;
  while (written == kBatch) written = co_await write_some(kernel_.ticks());
  co_await queue_.unplug();
}

model::Task<> BlockCache::write_all() {
  const u64 now = kernel_.ticks() + kOldTicks;
  u32 written = kBatch;
  while (written == kBatch) written = co_await write_some(now);
  co_await queue_.unplug();
  while (writing_ > 0) co_await kernel_.sleep_on(write_done_);
}

// --- room ------------------------------------------------------------------------------------------------------------

bool BlockCache::give_up(CachedBlock& block) {
  const bool idle = !block.dropped && !block.dirty() && !block.buffer.locked && block.transactions == 0 &&
                    block.weak_from_this().use_count() == 1 && kernel_.pages().users(block.frame) == 1;
  if (!idle) return false;
  const BlockPointer keep = block.shared_from_this();
  if (block.file != nullptr) {
    block.file->pages.erase(block.page);
  } else {
    metadata_.erase(block.block);
  }
  drop(block);
  ++counts_.reclaimed;
  return true;
}

}  // namespace guest
