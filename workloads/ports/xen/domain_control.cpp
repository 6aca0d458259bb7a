#include "workloads/ports/xen/domain_control.h"

#include <algorithm>

#include "model/execution.h"

namespace guest {

namespace {

constexpr u32 kWordsPerPage = hv::kPageSize / sizeof(u32);

}  // namespace

model::Task<> DomainControl::leave() {
  co_await kernel_.leave_system_call();
  co_await model::interruptible(kernel_.machine());
}

model::Task<s32> DomainControl::control(hv::ControlOp& op) {
  kernel_.enter_system_call();
  const s32 result = co_await call_hypervisor(op);
  co_await leave();
  co_return result;
}

model::Task<s32> DomainControl::call_hypervisor(hv::ControlOp& op) {
  op.version = hv::kControlVersion;
  memory_.put(argument(kArgumentControl), op);
  const s32 result = co_await model::hypercall(kernel_.machine(), hv::Hypercall::dom0_op, argument(kArgumentControl));
  op = memory_.get<hv::ControlOp>(argument(kArgumentControl));
  co_return result;
}

model::Task<s32> DomainControl::memory_list(hv::DomainId domain, u32 frames, std::vector<hv::MachineFrame>& list) {
  const u32 buffer = port_.layout().control_list();
  constexpr u32 kRoom = kUpdateListBytes / sizeof(u32);
  s32 result = 0;
  while (result >= 0 && list.size() < frames) {
    hv::ControlOp op{};
    op.command = static_cast<u32>(hv::ControlCommand::get_memory_list);
    op.domain = domain;
    op.words[0] = buffer;
    op.words[1] = kRoom;
    op.words[2] = static_cast<u32>(list.size());
    kernel_.enter_system_call();
    result = co_await call_hypervisor(op);
    if (result >= 0) {
      std::vector<u32> numbers(op.words[1]);
      memory_.read(buffer, numbers.data(), op.words[1] * static_cast<u32>(sizeof(u32)));
      for (const u32 number : numbers) list.emplace_back(number);
      if (numbers.empty()) kernel_.panic("the hypervisor lists fewer frames than it gave");
    }
    co_await leave();
  }
  co_return result;
}

model::Task<s32> DomainControl::update(hv::DomainId domain, std::span<const hv::MmuUpdate> requests, u32& done) {
  done = 0;
  const u32 list = port_.layout().control_list();
  constexpr u32 kPreamble = 1;  // whose frames the batch is about
  while (!requests.empty()) {
    const auto batch = requests.first(std::min<std::size_t>(requests.size(), hv::kMaxMmuUpdates - kPreamble));
    kernel_.enter_system_call();
    memory_.put(list, hv::MmuUpdate{static_cast<u32>(hv::MmuRequest::extended),
                                    static_cast<u32>(hv::MmuCommand::set_foreign_domain) | domain << 16});
    memory_.write(list + kPreamble * static_cast<u32>(sizeof(hv::MmuUpdate)), batch.data(),
                  static_cast<u32>(batch.size_bytes()));
    const s32 result = co_await model::hypercall(kernel_.machine(), hv::Hypercall::mmu_update, list,
                                                 batch.size() + kPreamble, argument(kArgumentControlDone));
    const u32 completed = memory_.load(argument(kArgumentControlDone));
    done += completed - std::min(completed, kPreamble);
    co_await leave();
    if (result < 0) co_return result;
    requests = requests.subspan(batch.size());
  }
  co_return 0;
}

model::Task<> DomainControl::write_frame(hv::DomainId domain, hv::MachineFrame frame, std::span<const u32> words) {
  const u32 window = port_.start_info().spare_address + kSpareForeignPage * hv::kPageSize;
  kernel_.enter_system_call();
  const bool disabled = port_.save_and_disable_events();
  const s32 mapped = co_await model::hypercall(kernel_.machine(), hv::Hypercall::update_va_mapping_otherdomain,
                                               window >> hv::kPageShift, frame.address() | kKernelPage, 0, domain);
  if (mapped < 0) kernel_.panic("another domain's frame cannot be mapped");
  memory_.write(window, words.data(),
                static_cast<u32>(words.first(std::min<std::size_t>(words.size(), kWordsPerPage)).size_bytes()));
  const s32 unmapped = co_await model::hypercall(kernel_.machine(), hv::Hypercall::update_va_mapping,
                                                 window >> hv::kPageShift, 0, hv::kVaInvalidate);
  if (unmapped < 0) kernel_.panic("another domain's frame cannot be unmapped");
  co_await port_.restore_events(disabled);
  co_await leave();
}

model::Task<> DomainControl::copy_pages(u32 pages) {
  const auto& machine = kernel_.machine();
  constexpr u32 kPagesPerCall = 16;  // 64 kB a write, as the tool does it
  while (pages > 0) {
    const u32 now = std::min(pages, kPagesPerCall);
    kernel_.enter_system_call();
    kernel_.cpu().charge(machine.clock().cycles_in(machine.file().memory.copy_page_uncached * now));
    co_await leave();
    pages -= now;
  }
}

}  // namespace guest
