#include "workloads/ports/xen/balloon.h"

#include <algorithm>

#include "interface/memory.h"
#include "model/execution.h"
#include "workloads/ports/xen/xen_port.h"

namespace guest {

namespace {

constexpr u32 kBatch = hv::kPageSize / sizeof(u32);  // frame numbers in the list's page
constexpr hv::MachineFrame kNoFrame{~0u};

}  // namespace

model::Task<u32> XenBalloon::give_back(u32 pages) {
  u32 given = 0;
  while (given < pages) {
    const u32 wanted = std::min(pages - given, kBatch);
    const u32 done = co_await give_batch(wanted);
    given += done;
    if (done < wanted) break;
  }
  co_return given;
}

model::Task<u32> XenBalloon::take(u32 pages) {
  u32 taken = 0;
  while (taken < pages && !held_.empty()) {
    const u32 wanted = std::min({pages - taken, kBatch, this->pages()});
    const u32 done = co_await take_batch(wanted);
    taken += done;
    if (done < wanted) break;
  }
  co_return taken;
}

// Out of the kernel's map first, for the hypervisor takes no page that is in use.
model::Task<u32> XenBalloon::give_batch(u32 pages) {
  Kernel& kernel = port_.kernel();
  KernelMemory memory{kernel};
  std::vector<GuestFrame> batch;
  while (batch.size() < pages) {
    const std::optional<GuestFrame> page = co_await kernel.reclaim().spare_page();
    if (!page) break;
    batch.push_back(*page);
  }
  const auto count = static_cast<u32>(batch.size());
  if (count == 0) co_return 0;
  const u32 list = port_.layout().balloon_list();
  const bool disabled = port_.save_and_disable_events();
  for (u32 i = 0; i < count; ++i) {
    memory.store(list + i * static_cast<u32>(sizeof(u32)), port_.machine_frame(batch[i]).number());
    co_await port_.updates().update_entry(port_.entry_machine_address(batch[i].kernel_address()), 0);
  }
  co_await port_.updates().flush();
  const s32 given = co_await model::hypercall(kernel.machine(), hv::Hypercall::dom_mem_op,
                                              static_cast<u32>(hv::DomMemOp::decrease), list, count);
  if (given != static_cast<s32>(count)) kernel.panic("the hypervisor does not take its pages back");
  for (const GuestFrame page : batch) {
    port_.set_machine_frame(page, kNoFrame);
    held_.push_back(page);
  }
  co_await port_.restore_events(disabled);
  co_return count;
}

model::Task<u32> XenBalloon::take_batch(u32 pages) {
  Kernel& kernel = port_.kernel();
  KernelMemory memory{kernel};
  const u32 list = port_.layout().balloon_list();
  const bool disabled = port_.save_and_disable_events();
  const s32 got = co_await model::hypercall(kernel.machine(), hv::Hypercall::dom_mem_op,
                                            static_cast<u32>(hv::DomMemOp::increase), list, pages);
  const u32 count = got < 0 ? 0 : static_cast<u32>(got);
  std::vector<GuestFrame> batch;
  for (u32 i = 0; i < count; ++i) {
    const hv::MachineFrame frame{memory.load(list + i * static_cast<u32>(sizeof(u32)))};
    const GuestFrame page = held_.back();
    held_.pop_back();
    batch.push_back(page);
    port_.set_machine_frame(page, frame);
    co_await port_.updates().add(frame.address() | static_cast<u32>(hv::MmuRequest::update_m2p), page.number());
    co_await port_.updates().update_entry(port_.entry_machine_address(page.kernel_address()),
                                          frame.address() | kKernelPage);
  }
  co_await port_.updates().flush();
  for (const GuestFrame page : batch) kernel.pages().give(page);
  co_await port_.restore_events(disabled);
  co_return count;
}

}  // namespace guest
