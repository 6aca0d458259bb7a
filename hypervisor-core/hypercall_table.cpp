#include "hypercall_table.h"

#include "control/console.h"
#include "hypervisor.h"
#include "interface/hypercalls.h"
#include "interface/layout.h"

namespace hv {

namespace {

constexpr u32 kVersion = 2u << 16;  // major 2, minor 0: whose numbers these are
constexpr u32 kConsoleBytes = 256;  // of one console_io; the rest is the guest's to send again

using Arguments = const u32 (&)[kHypercallArguments];
using Handler = HypercallResult (*)(Hypervisor& core, Caller& caller, Arguments a);

constexpr SystemTime time_of(u32 high, u32 low) { return static_cast<SystemTime>(join_words(low, high)); }

HypercallResult sched_op(Hypervisor& core, Caller& caller, Arguments a) {
  switch (static_cast<SchedOp>(a[0] & 0xff)) {
    case SchedOp::yield:
      core.run_states().yield(caller.vcpu, core.clock().now());
      return HypercallResult::success();
    case SchedOp::block:
      // Unmasking and looking must be one step: an event in between would be slept through.
      core.events().set_upcall_mask(caller.vcpu, false);
      if (!core.events().upcall_pending(caller.vcpu)) core.run_states().block(caller.vcpu, core.clock().now());
      return HypercallResult::success();
    case SchedOp::shutdown:
      core.lifecycle().shut_down(caller.domain, a[0] >> 8 & 0xff);
      return HypercallResult::success();
  }
  return Error::not_implemented;
}

HypercallResult console_io(Hypervisor& core, Caller& caller, Arguments a) {
  const u32 operation = a[0], bytes = a[1] < kConsoleBytes ? a[1] : kConsoleBytes, address = a[2];
  if (operation != 0) return Error::not_implemented;
  char text[kConsoleBytes];
  if (!caller.cpu.copy_from_guest(text, address, bytes)) return Error::bad_address;
  for (u32 begin = 0; begin < bytes;) {
    u32 end = begin;
    while (end < bytes && text[end] != '\n') ++end;
    ConsoleLine(core.machine().console())
        .text("DOM")
        .number(caller.domain.id)
        .text(": ")
        .text(text + begin, end - begin)
        .end();
    begin = end + 1;
  }
  return HypercallResult::count(bytes);
}

HypercallResult multicall(Hypervisor& core, Caller& caller, Arguments a) {
  const u32 list = a[0], count = a[1];
  caller.cpu.work(hw::Step::multicall);
  constexpr u32 kEntryBytes = sizeof(MulticallEntry);
  if (count > kHypervisorStart / kEntryBytes || list > kHypervisorStart - count * kEntryBytes)
    return Error::bad_address;
  for (u32 i = 0; i < count; ++i) {
    const u32 address = list + i * kEntryBytes;
    MulticallEntry entry;
    caller.cpu.work(hw::Step::multicall_entry);
    if (!caller.cpu.copy_from_guest(&entry, address, sizeof entry)) return Error::bad_address;
    if (entry.op == static_cast<u32>(Hypercall::multicall)) continue;  // would need a stack of any depth
    entry.result = static_cast<u32>(perform_hypercall(core, caller, entry.op, entry.arguments).eax());
    if (caller.domain.crashed || caller.domain.shut_down) break;
    const u32 result_address = address + static_cast<u32>(offsetof(MulticallEntry, result));
    if (!caller.cpu.copy_to_guest(result_address, &entry.result, sizeof entry.result)) return Error::bad_address;
  }
  return HypercallResult::success();
}

struct Table {
  Handler handlers[static_cast<u32>(Hypercall::count)] = {};

  constexpr void set(Hypercall number, Handler handler) { handlers[static_cast<u32>(number)] = handler; }
  constexpr Table() {
    using H = Hypervisor;
    using C = Caller;
    set(Hypercall::set_trap_table, [](H& h, C& c, Arguments a) { return h.traps().set_trap_table(c, a[0]); });
    set(Hypercall::mmu_update, [](H& h, C& c, Arguments a) { return h.memory().mmu_update(c, a[0], a[1], a[2]); });
    set(Hypercall::set_gdt, [](H& h, C& c, Arguments a) { return h.memory().set_gdt(c, a[0], a[1]); });
    set(Hypercall::stack_switch, [](H& h, C& c, Arguments a) { return h.traps().stack_switch(c, a[0], a[1]); });
    set(Hypercall::set_callbacks,
        [](H& h, C& c, Arguments a) { return h.traps().set_callbacks(c, a[0], a[1], a[2], a[3]); });
    set(Hypercall::fpu_taskswitch, [](H& h, C& c, Arguments) { return h.traps().fpu_taskswitch(c); });
    set(Hypercall::sched_op, sched_op);
    set(Hypercall::dom0_op, [](H& h, C& c, Arguments a) { return h.control().operate(c, a[0]); });
    set(Hypercall::set_debugreg, [](H& h, C& c, Arguments a) { return h.traps().set_debug_register(c, a[0], a[1]); });
    set(Hypercall::get_debugreg, [](H& h, C& c, Arguments a) { return h.traps().get_debug_register(c, a[0]); });
    set(Hypercall::update_descriptor,
        [](H& h, C& c, Arguments a) { return h.memory().update_descriptor(c, a[0], a[1], a[2]); });
    set(Hypercall::set_fast_trap, [](H& h, C& c, Arguments a) { return h.traps().set_fast_trap(c, a[0]); });
    set(Hypercall::dom_mem_op, [](H& h, C& c, Arguments a) { return h.memory().dom_mem_op(c, a[0], a[1], a[2]); });
    set(Hypercall::multicall, multicall);
    set(Hypercall::update_va_mapping,
        [](H& h, C& c, Arguments a) { return h.memory().update_va_mapping(c, a[0], a[1], a[2]); });
    set(Hypercall::set_timer_op, [](H& h, C& c, Arguments a) { return h.time().set_alarm(c, time_of(a[0], a[1])); });
    set(Hypercall::event_channel_op, [](H& h, C& c, Arguments a) { return h.events().operate(c, a[0]); });
    set(Hypercall::xen_version, [](H&, C&, Arguments) { return HypercallResult::count(kVersion); });
    set(Hypercall::console_io, console_io);
    set(Hypercall::net_io_op, [](H& h, C& c, Arguments a) { return h.network().net_io(c, a[0], a[1], a[2]); });
    set(Hypercall::block_io_op, [](H& h, C& c, Arguments a) { return h.block().block_io(c, a[0], a[1], a[2]); });
    set(Hypercall::set_virtual_timer_op,
        [](H& h, C& c, Arguments a) { return h.time().set_virtual_alarm(c, time_of(a[0], a[1])); });
    set(Hypercall::vcpu_op, [](H& h, C& c, Arguments a) { return h.lifecycle().vcpu_op(c, a[0], a[1], a[2]); });
    set(Hypercall::update_va_mapping_otherdomain,
        [](H& h, C& c, Arguments a) { return h.memory().update_va_mapping_otherdomain(c, a[0], a[1], a[2], a[3]); });
  }
};
constexpr Table kTable;

}  // namespace

HypercallResult perform_hypercall(Hypervisor& core, Caller& caller, u32 number, Arguments arguments) {
  const Handler handler = number < static_cast<u32>(Hypercall::count) ? kTable.handlers[number] : nullptr;
  return handler == nullptr ? HypercallResult{Error::not_implemented} : handler(core, caller, arguments);
}

}  // namespace hv
