// How the kernel gets at the memory of the process that called it. (Linux 2.4, arch/i386/lib/usercopy.c.)
#include <algorithm>

#include "model/execution.h"
#include "workloads/kernel/kernel.h"

namespace guest {

void Kernel::charge_user_copy(u32 bytes) {
  charge(paths().user_copy);
  port_.did(Operation::user_copy);
  cpu().charge(model::MachineFile::cycles_for(machine_.file().memory.copy_cached, bytes), model::Cause::bytes);
}

void Kernel::charge_zeroing(u32 bytes) {
  const sim::Cycles page = machine_.clock().cycles_in(machine_.file().memory.zero_page_uncached);
  cpu().charge(sim::Cycles{page.count() * bytes / hv::kPageSize}, model::Cause::bytes);
}

model::Task<> Kernel::copy_user(u32 address, u32 bytes, model::Use use) {
  charge_user_copy(bytes);
  co_await use_user_memory(address, bytes, use);
}

model::Task<> Kernel::clear_user(u32 address, u32 bytes) {
  charge(paths().user_copy);
  port_.did(Operation::user_copy);
  const sim::Cycles page = machine_.clock().cycles_in(machine_.file().memory.zero_page_cached);
  cpu().charge(sim::Cycles{page.count() * bytes / hv::kPageSize}, model::Cause::bytes);
  co_await use_user_memory(address, bytes, model::Use::write);
}

model::Task<GuestFrame> Kernel::user_page(u32 address, model::Use use) {
  co_await use_user_memory(address, 1, use);
  co_return port_.entry(*current().space, address).frame;
}

// Line by line with the rights of the kernel; what is not there faults in on the way.
model::Task<> Kernel::use_user_memory(u32 address, u32 bytes, model::Use use) {
  const u32 line = machine_.file().cache.line_bytes;
  while (bytes > 0) {
    const u32 in_page = std::min(bytes, hv::kPageSize - address % hv::kPageSize);
    const model::Sweep sweep{co_await port_.reach_user(address, use), in_page, use};
    const bool one_line = sweep.first / line == (sweep.first + in_page - 1) / line;
    if (!one_line || !cpu().touch(sweep.first, 1, use)) {
      co_await model::compute(machine_, sim::Cycles{0}, {&sweep, 1});
    }
    address += in_page;
    bytes -= in_page;
  }
}

}  // namespace guest
