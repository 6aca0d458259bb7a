// A guest kernel of a test's own: ring 1 of a domain with nothing between the test and the hypervisor.
#pragma once

#include <functional>
#include <type_traits>

#include "interface/layout.h"
#include "interface/memory.h"
#include "interface/start_info.h"
#include "model/execution.h"
#include "workloads/kernel/detached_tasks.h"
#include "workloads/spec.h"

namespace test {

using hv::s32, hv::u16, hv::u32, hv::u64, hv::u8;

class ForeignKernel {
 public:
  using Handler = std::function<model::Task<>()>;

  ForeignKernel() = default;
  ForeignKernel(const ForeignKernel&) = delete;  // the machine's code refers to this one
  ForeignKernel& operator=(const ForeignKernel&) = delete;
  virtual ~ForeignKernel() = default;

  // For GuestSpec::kernel.
  guest::ForeignKernel image() {
    return [this](model::Machine& machine) {
      machine_ = &machine;
      return entry([this] { return boot(); });
    };
  }
  model::Machine& machine() { return *machine_; }
  // Before the machine goes, where what is suspended has its addresses.
  void end() { tasks_ = {}; }

 protected:
  virtual model::Task<> main() = 0;

  // EIP of a handler; it begins with the CPU's registers as the hypervisor left them. One that ends without a jump goes
  // on at the EIP it had last.
  u32 entry(Handler handler) {
    return machine_->code().add_entry([this, handler = std::move(handler)](model::Cpu&) { tasks_.start(handler()); });
  }

  model::Cpu& cpu() { return machine_->running(); }
  hw::Registers& registers() { return cpu().registers(); }
  template <class... Words>
  model::hypercall call(hv::Hypercall number, Words... arguments) {
    return {*machine_, number, arguments...};
  }
  model::compute compute(std::int64_t cycles) { return {*machine_, sim::Cycles{cycles}}; }

  // --- the domain's memory: pages by their number --------------------------------------------------------------------
  const hv::StartInfo& start() const { return start_; }
  static u32 address(u32 page) { return hv::kGuestKernelStart + page * hv::kPageSize; }
  hv::MachineFrame frame(u32 page) { return hv::MachineFrame{get<u32>(start_.frame_list_address + 4 * page)}; }
  // Machine address of the entry that maps a page, and the page of the table that the entry is in.
  u32 table_page(u32 page) const { return start_.table_first + page / hv::kEntriesPerTable; }
  u32 entry_of(u32 page) { return frame(table_page(page)).address() + page % hv::kEntriesPerTable * 4; }

  template <class T>
  T get(u32 from) {
    static_assert(std::is_trivially_copyable_v<T>);
    T value;
    if (!cpu().read(from, &value, sizeof value)) throw std::logic_error{"the test reads memory that is not mapped"};
    return value;
  }
  template <class T>
  u32 put(u32 to, const T& value) {  // returns `to`
    static_assert(std::is_trivially_copyable_v<T>);
    if (!cpu().write(to, &value, sizeof value)) throw std::logic_error{"the test writes memory that is not mapped"};
    return to;
  }

  // A frame for IRET on the stack: to the same ring, or with `ss` to an outer one.
  void push_return(u32 eip, u32 cs, u32 esp = 0, u32 ss = 0) {
    hw::Registers& here = registers();
    const std::array<u32, 5> words = {eip, cs, here.eflags, esp, ss};
    here.esp = put(here.esp - static_cast<u32>(sizeof words), words);
  }

 private:
  model::Task<> boot() {
    start_ = get<hv::StartInfo>(registers().esi);
    co_await main();
  }

  model::Machine* machine_ = nullptr;
  hv::StartInfo start_{};
  guest::DetachedTasks tasks_;
};

}  // namespace test
