#include "workloads/ports/xen/update_queue.h"

#include <fmt/format.h>

#include "model/execution.h"

namespace guest {

model::Task<> UpdateQueue::add(u32 pointer, u32 value) {
  kernel_.charge(kernel_.paths().update_queue);
  memory_.put(list_ + count_ * static_cast<u32>(sizeof(hv::MmuUpdate)), hv::MmuUpdate{pointer, value});
  ++count_;
  ++requests_;
  if (count_ == hv::kMaxMmuUpdates) return flush();
  return {};
}

model::Task<> UpdateQueue::flush() {
  if (empty()) co_return;
  const Batch batch = take_batch();
  ++flushes_;
  const s32 result =
      co_await model::hypercall(kernel_.machine(), hv::Hypercall::mmu_update, batch.list, batch.count, batch.done);
  if (result < 0) {
    kernel_.panic(fmt::format("page-table request {} of {} was refused: error {}", memory_.load(batch.done),
                              batch.count, -result));
  }
}

}  // namespace guest
