#include "workloads/kernel/kernel_objects.h"

#include <algorithm>

#include "model/execution.h"
#include "workloads/kernel/kernel.h"

namespace guest {

namespace {

constexpr u32 kPageRecord = 44;  // sizeof(struct page) of Linux 2.4 on i386
constexpr u32 kHashBytes = 20;   // of hash tables for each page frame, see kPagesPerTablePage in kernel.cpp
constexpr u32 kLine = 64;        // where a chain begins need not be known closer

// Of all memory. Linux gives up names and inodes when memory is short; here the oldest places are used again.
constexpr u32 kMostShare = 16;

}  // namespace

void KernelObjects::give_tables(GuestFrame tables, GuestFrame first, u32 frames) {
  tables_ = tables.kernel_address();
  first_ = first.number();
  frames_ = frames;
}

void KernelObjects::use(KernelObject& object, ObjectKind kind) {
  if (object.address == 0) object.address = place(kind);
  kernel_.touch(object.address, shapes_[static_cast<std::size_t>(kind)].lines, model::Use::write);
}

void KernelObjects::free(KernelObject& object, ObjectKind kind) {
  if (object.address == 0) return;
  slabs_[static_cast<std::size_t>(kind)].freed.push_back(object.address);
  object.address = 0;
}

void KernelObjects::use_page_record(GuestFrame frame) {
  if (frame.number() < first_) return;  // the page of zeros, whose count nobody keeps
  kernel_.touch(tables_ + (frame.number() - first_) * kPageRecord, 1, model::Use::write);
}

void KernelObjects::look_up(u32 key) {
  constexpr u32 kSpread = 2'654'435'769u;  // the golden ratio spreads keys evenly
  const u32 lines = std::max(frames_ * kHashBytes / kLine, 1u);
  const u32 line = static_cast<u32>(u64{key * kSpread} * lines >> 32);
  kernel_.touch(tables_ + frames_ * kPageRecord + line * kLine, 1, model::Use::read);
}

model::Task<> KernelObjects::use_contents(GuestFrame frame, u32 offset, u32 bytes, model::Use use) {
  u32 page = frame.kernel_address();
  if (!kernel_.pages().low(frame)) {
    const auto& cost = kernel_.machine().file().tlb.cost;
    kernel_.cpu().charge(cost.walk + cost.level * 2, model::Cause::tlb);
    // In the cache it stands for a page of the tables, of which as many colours are as good as any others, and which
    // nobody else ever has: a page of low memory may be a page table, which must not be written.
    const u32 table_pages = frames_ * (kPageRecord + kHashBytes) / hv::kPageSize;
    page = tables_ + (frame.number() - first_) % table_pages * hv::kPageSize;
  }
  const model::Sweep sweep{page + offset, bytes, use};
  co_await model::compute(kernel_.machine(), sim::Cycles{0}, {&sweep, 1});
}

u32 KernelObjects::place(ObjectKind kind) {
  Slab& slab = slabs_[static_cast<std::size_t>(kind)];
  if (!slab.freed.empty()) {
    const u32 address = slab.freed.back();
    slab.freed.pop_back();
    return address;
  }
  const u32 bytes = shapes_[static_cast<std::size_t>(kind)].bytes;
  const u32 per_page = hv::kPageSize / bytes;
  if (slab.pages.empty() || slab.next == per_page) {
    slab.next = 0;
    if (add_page(slab)) {
      slab.page = static_cast<u32>(slab.pages.size()) - 1;
    } else if (slab.pages.empty()) {
      return tables_;  // not one page is left
    } else {
      slab.page = (slab.page + 1) % static_cast<u32>(slab.pages.size());
    }
  }
  return slab.pages[slab.page] + slab.next++ * bytes;
}

bool KernelObjects::add_page(Slab& slab) {
  PageAllocator& pages = kernel_.pages();
  if (taken_ >= pages.frames() / kMostShare) return false;
  const auto scarce = [&pages] { return pages.free_frames(PageUse::kernel) <= pages.least_free(PageUse::kernel); };
  if (scarce()) kernel_.reclaim().drop_clean(PageUse::kernel, kReclaimBatch);
  if (scarce()) return false;
  const std::optional<GuestFrame> frame = pages.take(PageUse::kernel);
  ++taken_;
  slab.pages.push_back(frame->kernel_address());
  return true;
}

}  // namespace guest
