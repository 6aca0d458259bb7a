#include "workloads/kernel/swap_space.h"

#include <algorithm>

#include "workloads/kernel/kernel.h"
#include "workloads/kernel/planted.h"

namespace guest {

namespace {

constexpr u32 kSlotSectors = hv::kPageSize / 512;
constexpr u32 kCluster = 256;  // SWAPFILE_CLUSTER
// 2 to the power of page_cluster, which is 3 from 16 MB of memory on: 32 KB.
constexpr u32 kReadCluster = 8;

}  // namespace

void SwapSpace::use(const Disk& disk) {
  if (queue_ != nullptr) kernel_.panic("it has a disk for swap already");
  queue_ = &disk.queue;
  first_sector_ = disk.first_sector;
  users_.assign(disk.sectors / kSlotSectors, 0);
  if (users_.size() < 2) kernel_.panic("its disk for swap has no room for a page");
  free_ = slots();
  users_[0] = 1;
}

// --- slots -----------------------------------------------------------------------------------------------------------

// A row of free slots, anywhere.
std::optional<SwapSlot> SwapSpace::find_cluster() {
  u32 row = 0;
  for (SwapSlot slot = lowest_; slot < users_.size(); ++slot) {
    row = users_[slot] == 0 ? row + 1 : 0;
    if (row == kCluster) return slot + 1 - kCluster;
  }
  return std::nullopt;
}

std::optional<SwapSlot> SwapSpace::take_slot() {
  if (free_ == 0) return std::nullopt;
  const auto end = static_cast<SwapSlot>(users_.size());
  const auto skip_taken = [&](SwapSlot slot) {
    while (slot < end && users_[slot] != 0) ++slot;
    return slot;
  };
  SwapSlot slot = end;
  if (left_in_cluster_ > 0) slot = skip_taken(next_in_cluster_);
  if (slot == end) {
    left_in_cluster_ = kCluster;
    lowest_ = skip_taken(lowest_);
    slot = find_cluster().value_or(lowest_);
  }
  --left_in_cluster_;
  next_in_cluster_ = slot + 1;
  --free_;
  return slot;
}

void SwapSpace::free_slot(SwapSlot slot) {
  users_[slot] = 0;
  ++free_;
  lowest_ = std::min(lowest_, slot);
}

// --- the swap cache --------------------------------------------------------------------------------------------------

BlockPointer SwapSpace::insert(SwapSlot slot, GuestFrame frame) {
  const auto page = std::make_shared<CachedBlock>(frame, slot, nullptr, 0);
  page->swap = true;
  page->buffer.sector = first_sector_ + u64{slot} * kSlotSectors;
  page->buffer.sectors = kSlotSectors;
  page->buffer.frame = frame;
  page->buffer.done = [this, raw = page.get()](Buffer&) { ended(*raw); };
  cache_.emplace(slot, page);
  ++users_[slot];
  return page;
}

void SwapSpace::remove(CachedBlock& page) {
  const SwapSlot slot = page.block;
  page.in_dirty.unlink();
  page.dropped = true;
  if (--users_[slot] == 0) free_slot(slot);
  cache_.erase(slot);  // last: it may be all that keeps it
}

bool SwapSpace::add(GuestFrame frame) {
  const std::optional<SwapSlot> slot = take_slot();
  if (!slot) return false;
  const BlockPointer page = insert(*slot, frame);
  kernel_.pages().share(frame);
  kernel_.pages().lists().set_owner(frame, page.get());
  mark_dirty(*page);
  return true;
}

SwapSlot SwapSpace::slot_of(GuestFrame frame) const {
  if (queue_ == nullptr) return 0;
  const CachedBlock* owner = kernel_.pages().lists().owner(frame);
  return owner != nullptr && owner->swap ? owner->block : 0;
}

bool SwapSpace::abandoned(const CachedBlock& page) const {
  return users_[page.block] == 1 && kernel_.pages().users(page.frame) == 1;
}

void SwapSpace::release(SwapSlot slot) {
  if (--users_[slot] == 0 || (GUEST_PLANTED(slot_freed_early) && !cache_.contains(slot))) {
    free_slot(slot);
    return;
  }
  const auto cached = cache_.find(slot);
  if (cached != cache_.end() && abandoned(*cached->second)) give_up(*cached->second);
}

bool SwapSpace::exclusive(GuestFrame frame) const {
  const SwapSlot slot = slot_of(frame);
  return slot != 0 && users_[slot] == 1 && kernel_.pages().users(frame) == 2 && !cache_.at(slot)->buffer.locked;
}

void SwapSpace::leave(GuestFrame frame) {
  remove(*cache_.at(slot_of(frame)));
  kernel_.pages().lists().set_owner(frame, nullptr);
  kernel_.pages().give(frame);
}

bool SwapSpace::give_up(CachedBlock& page) {
  // Somebody waits for it, or brings it back.
  if (page.buffer.locked || page.weak_from_this().use_count() > 1 || kernel_.pages().users(page.frame) > 1)
    return false;
  const GuestFrame frame = page.frame;
  remove(page);
  kernel_.pages().give(frame);
  return true;
}

// --- to and from the disk --------------------------------------------------------------------------------------------

void SwapSpace::mark_dirty(CachedBlock& page) {
  if (!page.dirty()) dirty_.push_back(page);
}

model::Task<> SwapSpace::start_write(BlockPointer page) {
  if (page->dropped || page->buffer.locked || !page->dirty()) co_return;
  page->in_dirty.unlink();
  ++writing_;
  ++counts_.pages_out;
  kernel_.charge(kernel_.paths().write_back);
  co_await queue_->submit(page->buffer, BlockDirection::write);
}

model::Task<> SwapSpace::start_read(SwapSlot slot) {
  const GuestFrame frame = co_await kernel_.reclaim().take_page(PageUse::user);
  // Meanwhile somebody else may have read it, or nobody has it any more.
  if (cache_.contains(slot) || users_[slot] == 0) {
    kernel_.pages().give(frame);
    co_return;
  }
  const BlockPointer page = insert(slot, frame);
  kernel_.pages().lists().add(frame, page.get());
  page->current = false;
  ++counts_.pages_in;
  kernel_.charge(kernel_.paths().read_page);
  co_await queue_->submit(page->buffer, BlockDirection::read);
}

// The slots in use from the beginning of its 32 KB on [swapin_readahead, valid_swaphandles].
model::Task<> SwapSpace::read_cluster(SwapSlot slot) {
  const SwapSlot first = slot / kReadCluster * kReadCluster;
  for (SwapSlot next = std::max(first, 1u); next < first + kReadCluster && next < users_.size(); ++next) {
    if (users_[next] == 0) break;
    if (!cache_.contains(next)) co_await start_read(next);
  }
}

model::Task<BlockPointer> SwapSpace::page(SwapSlot slot) {
  ++counts_.faults;
  auto cached = cache_.find(slot);
  if (cached == cache_.end()) {
    co_await read_cluster(slot);
    while (!cache_.contains(slot)) co_await start_read(slot);
    cached = cache_.find(slot);
  }
  BlockPointer page = cached->second;
  kernel_.pages().lists().mark_used(page->frame);
  co_await queue_->wait(page->buffer);
  if (!page->current) page.reset();
  co_return page;
}

// In an interrupt handler.
void SwapSpace::ended(CachedBlock& page) {
  if (page.buffer.failed) ++counts_.failed;
  if (!page.current) {
    page.current = !page.buffer.failed;
    return;
  }
  --writing_;
  if (page.buffer.failed) mark_dirty(page);
  kernel_.reclaim().write_ended();
}

}  // namespace guest
