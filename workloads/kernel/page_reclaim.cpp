#include "workloads/kernel/page_reclaim.h"

#include <algorithm>
#include <array>

#include "workloads/kernel/kernel.h"
#include "workloads/kernel/planted.h"

namespace guest {

namespace {

constexpr u32 kFirstPriority = 6;  // DEF_PRIORITY; a pass at priority n looks at an n-th of the inactive pages
constexpr u64 kDaemonRest = kTicksPerSecond;
constexpr std::array kUses{PageUse::user, PageUse::kernel};

constexpr u32 slot_of(u32 address) { return address / kDirectorySlotBytes; }

}  // namespace

// --- how much there is -----------------------------------------------------------------------------------------------

u32 PageReclaim::least(PageUse use) const { return kernel_.pages().least_free(use); }

u32 PageReclaim::free(PageUse use) const { return kernel_.pages().free_frames(use); }

u32 PageReclaim::writing() const {
  const BlockCache* cache = kernel_.file_system().cache();
  return swap_.writing() + (cache == nullptr ? 0 : cache->writing());
}

bool PageReclaim::enough_memory(u32 pages) const {
  const BlockCache* cache = kernel_.file_system().cache();
  const u64 possible = u64{kernel_.pages().free_frames()} + (cache == nullptr ? 0 : cache->cached_blocks()) +
                       kernel_.history().cached_pages() + swap_.free_slots() + swap_.cache().size();
  return possible > pages;
}

// --- who asks --------------------------------------------------------------------------------------------------------

model::Task<GuestFrame> PageReclaim::take_page(PageUse use) {
  co_await make_room(use);
  co_return kernel_.take_page(use);
}

model::Task<std::optional<GuestFrame>> PageReclaim::spare_page() {
  const auto progress = [this] { return counts_.freed + counts_.unmapped + swap_.counts().pages_out; };
  while (free(PageUse::kernel) <= least(PageUse::kernel)) {
    const u64 before = progress();
    co_await try_to_free(PageUse::kernel);
    if (progress() == before) co_return std::nullopt;
  }
  co_return kernel_.take_page(PageUse::kernel);
}

model::Task<> PageReclaim::balance(PageUse use) {
  if (Process* kswapd = wanted_.take_first()) kernel_.wake(*kswapd);
  const Process& process = kernel_.current();
  while (free(use) <= least(use) && !process.uses_reserve) {
    ++counts_.waits;
    const u32 freed = co_await try_to_free(use);
    if (freed > 0 || free(use) > least(use)) continue;
    out_of_memory_.failed();
    if (process.uses_reserve) co_return;
    co_await kernel_.sleep_for(1);  // Linux yields, and comes back as soon as nobody else wants to run
  }
}

model::Task<> PageReclaim::daemon() {
  co_await kernel_.life().finish_switch();
  co_await kernel_.port().enable_events();
  kernel_.current().uses_reserve = true;
  while (true) {
    co_await kernel_.sleep_on(wanted_);
    for (const PageUse use : kUses) {
      while (free(use) <= 3 * least(use)) {
        const u32 freed = co_await try_to_free(use);
        if (freed > 0) continue;
        out_of_memory_.failed();
        co_await kernel_.sleep_for(kDaemonRest);
        break;
      }
    }
  }
}

void PageReclaim::write_ended() {
  if (!written_.empty()) kernel_.wake_all(written_);
}

// --- the inactive list -----------------------------------------------------------------------------------------------

model::Task<u32> PageReclaim::try_to_free(PageUse use) {
  u32 freed = 0;
  for (u32 priority = kFirstPriority; priority > 0 && freed < kReclaimBatch; --priority) {
    const Pass pass = co_await shrink(use, kReclaimBatch - freed, priority);
    freed += pass.freed;
    if (pass.unmap) co_await unmap(kReclaimBatch);
    if (freed == 0 && writing() > 0) {  // what was found dirty before is still on its way
      if (swap_.queue() != nullptr) co_await swap_.queue()->unplug();
      if (BlockCache* cache = kernel_.file_system().cache()) co_await cache->unplug();
      if (writing() > 0) co_await kernel_.sleep_on(written_);
    }
  }
  co_return freed;
}

PageReclaim::Fate PageReclaim::judge(GuestFrame frame) {
  PageAllocator& pages = kernel_.pages();
  CachedBlock* const owner = pages.lists().owner(frame);
  if (owner == nullptr) return Fate::mapped;
  if (kernel_.history().caches(owner)) {
    kernel_.history().give_up(pages, frame);
    return Fate::freed;
  }
  if (pages.users(frame) > 1) return Fate::mapped;
  // Being transferred, or somebody waits for it or has it in a transaction.
  if (owner->buffer.locked || owner->transactions > 0 || owner->dropped || owner->weak_from_this().use_count() > 1) {
    return Fate::none;
  }
  if (owner->swap && swap_.abandoned(*owner)) return swap_.give_up(*owner) ? Fate::freed : Fate::none;
  if (owner->dirty() && !(owner->swap && GUEST_PLANTED(dirty_page_dropped))) return Fate::write;
  const bool given_up = owner->swap ? swap_.give_up(*owner) : kernel_.file_system().cache()->give_up(*owner);
  return given_up ? Fate::freed : Fate::none;
}

model::Task<> PageReclaim::write(const BlockPointer& page) {
  return page->swap ? swap_.start_write(page) : kernel_.file_system().cache()->start_write(page);
}

// From the end of the inactive list on, which is kept at a third of all.
model::Task<PageReclaim::Pass> PageReclaim::shrink(PageUse use, u32 pages, u32 priority) {
  PageLists& lists = kernel_.pages().lists();
  lists.refill_inactive(static_cast<u32>(u64{pages} * lists.active_pages() / ((u64{lists.inactive_pages()} + 1) * 2)));
  std::array<BlockPointer, kReclaimBatch> dirty;
  u32 dirty_pages = 0;
  Pass pass;
  const u32 most = lists.inactive_pages() / priority;
  u32 mapped_left = std::min(pages << (10 - priority), most / 10);
  u32 looked_at = 0;
  while (looked_at < most && pass.freed < pages && !pass.unmap && dirty_pages < kReclaimBatch) {
    const std::optional<GuestFrame> frame = lists.next_inactive();
    if (!frame) break;
    ++looked_at;
    if (use == PageUse::kernel && !kernel_.pages().low(*frame)) continue;
    const Fate fate = judge(*frame);
    if (fate == Fate::freed) ++pass.freed;
    if (fate == Fate::write) dirty[dirty_pages++] = lists.owner(*frame)->shared_from_this();
    if (fate == Fate::mapped && mapped_left-- == 0) pass.unmap = true;
  }
  counts_.looked_at += looked_at;
  counts_.freed += pass.freed;
  kernel_.charge(kernel_.paths().page_reclaim, looked_at);
  for (u32 i = 0; i < dirty_pages; ++i) co_await write(std::move(dirty[i]));
  co_return pass;
}

u32 PageReclaim::drop_clean(PageUse use, u32 most) {
  PageAllocator& pages = kernel_.pages();
  u32 looked_at = 0;
  const u32 freed = pages.lists().reclaim(most, [&](GuestFrame frame) {
    ++looked_at;
    return (use == PageUse::user || pages.low(frame)) && judge(frame) == Fate::freed;
  });
  counts_.looked_at += looked_at;
  counts_.freed += freed;
  kernel_.charge(kernel_.paths().page_reclaim, looked_at);
  return freed;
}

// --- pages of processes ----------------------------------------------------------------------------------------------

// One process after the other, each from where the last look has ended [swap_out].
model::Task<> PageReclaim::unmap(u32 pages) {
  for (std::size_t left = kernel_.processes().size(); left > 0 && pages > 0; --left) {
    const Process* process = kernel_.life().find_from(next_);
    if (process == nullptr) process = kernel_.life().find_from(0);
    if (process == nullptr) co_return;
    next_ = process->id;
    if (const std::shared_ptr<AddressSpace> space = process->space; space && !space->areas.empty()) {
      pages -= co_await unmap_from(*space, pages);
      if (pages == 0) co_return;  // there may be more in this one
    }
    ++next_;
  }
}

model::Task<u32> PageReclaim::unmap_from(AddressSpace& space, u32 pages) {
  u32 unmapped = 0, looked_at = 0;
  std::optional<u32> last;
  u32 address = space.swap_address;
  for (auto area = space.areas.upper_bound(address); unmapped < pages;) {
    if (area != space.areas.begin() && std::prev(area)->second.contains(address)) --area;
    if (area == space.areas.end()) {
      address = 0;
      break;
    }
    address = std::max(address, area->second.start);
    if (address >= area->second.end) {
      ++area;
      continue;
    }
    if (!space.tables.contains(slot_of(address))) {
      const u32 next = (slot_of(address) + 1) * kDirectorySlotBytes;
      address = std::min(next, area->second.end);
    } else {
      ++looked_at;
      last = address;
      const bool gone = co_await unmap_page(space, area->second, address);
      if (gone) ++unmapped;
      address += hv::kPageSize;
    }
    area = space.areas.upper_bound(address);
  }
  // Accessed bits that were cleared are on their way: an entry must not change under the processor's next dirty bit.
  if (last) co_await port_.flush_page(space, *last);
  space.swap_address = address;
  counts_.entries += looked_at;
  counts_.unmapped += unmapped;
  kernel_.charge(kernel_.paths().entry_scan, looked_at);
  co_return unmapped;
}

// Not one that was used since the last look, nor what is used by others often [try_to_swap_out].
model::Task<bool> PageReclaim::unmap_page(AddressSpace& space, const Area& area, u32 page) {
  PageEntry entry = port_.entry(space, page);
  PageLists& lists = kernel_.pages().lists();
  if (!entry.present || entry.frame == kernel_.memory().zero_page() || !lists.listed(entry.frame)) co_return false;
  if (entry.accessed) {
    lists.mark_used(entry.frame);
    entry.accessed = false;
    co_await port_.set_entry(space, page, entry);
    co_return false;
  }
  if (lists.active(entry.frame)) co_return false;
  kernel_.charge(kernel_.paths().swap_out);
  PageEntry left;  // a page of a file is found there again
  CachedBlock* const owner = lists.owner(entry.frame);
  if (owner == nullptr || owner->swap) {
    if (owner == nullptr && !swap_.add(entry.frame)) co_return false;
    left.swap_slot = swap_.slot_of(entry.frame);
    swap_.share(left.swap_slot);
    if (entry.dirty) swap_.mark_dirty(*lists.owner(entry.frame));
    ++space.swapped_pages;
  } else if (entry.dirty && area.shared) {
    area.file->dirtied(owner->page);
  }
  --space.present_pages;
  co_await port_.set_entry(space, page, left);
  co_await port_.flush_page(space, page);
  kernel_.pages().give(entry.frame);
  co_return true;
}

}  // namespace guest
