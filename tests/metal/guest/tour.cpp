// Every hypercall once and more, from ring 1, with programs in ring 3, and a second domain to talk to.
#include "interface/block.h"
#include "interface/network.h"
#include "metal/guest/checks.h"
#include "metal/guest/domain_builder.h"
#include "metal/guest/programs.h"
#include "metal/guest/user_space.h"
#include "metal/image/probe_calls.h"

namespace guest {

namespace {

Checks checks;
u32 free_page;  // of the kernel's map; taken from here on
volatile u32 watched;

u32 take_page() { return free_page++; }
constexpr u64 kMillisecond = 1'000'000;

void versions_and_calls() {
  checks.result(hypercall(Hypercall::xen_version), 2 << 16, "xen_version");
  checks.result(static_cast<s32>(hypercall5(19, 0, 0, 0, 0, 0)), kNotImplemented, "a number without a hypercall");
  checks.result(hypercall(Hypercall::console_io, 0, 4, 0x123), kBadAddress, "console_io of an unmapped page");
  MulticallEntry list[3] = {};
  list[0].op = static_cast<u32>(Hypercall::xen_version);
  list[1].op = static_cast<u32>(Hypercall::sched_op);  // yield
  list[2].op = 99;
  checks.result(hypercall(Hypercall::multicall, address_of(list), 3), 0, "multicall");
  checks.that(list[0].result == 2u << 16 && list[1].result == 0 && static_cast<s32>(list[2].result) == kNotImplemented,
              "its entries have their results");
}

void traps() {
  TrapEntry bad[2] = {{200, 0, 0x0808, 0x1000}, {}};
  checks.result(hypercall(Hypercall::set_trap_table, address_of(bad)), kNotPermitted, "set_trap_table into ring 0");
  checks.result(hypercall(Hypercall::set_callbacks, 0x0808, 1, 0x0819, 1), kNotPermitted, "set_callbacks into ring 0");
  checks.result(hypercall(Hypercall::stack_switch, 0, 0), kNotPermitted, "stack_switch to ring 0");
  checks.result(hypercall(Hypercall::set_fast_trap, 0x82), kNotPermitted, "set_fast_trap of the hypercall's vector");
  const u32 before = traps_taken[3];
  trap_handler = [](TrapFrame& frame) { return frame.vector == 3; };
  asm volatile("int3");
  trap_handler = nullptr;
  checks.that(traps_taken[3] == before + 1, "a breakpoint instruction of ring 1 reaches the kernel's handler");
}

void ring3() {
  const u32 first = free_page;
  free_page += 3;
  checks.result(make_user_space(first), 0, "mmu_update: a page table is pinned and hooked for ring 3");
  u32 value = 0;
  checks.that(user_run(user_address(user_call), kUserStack, 42, 0, &value) && value == 42,
              "a program in ring 3 makes a system call through the direct gate");
  checks.that(user_store_to(kUserData, 0x1234) && user_load_from(kUserData, &value) && value == 0x1234,
              "it reads what it wrote");
  checks.that(*at<u32>(page_address(first + 2)) == 0x1234, "and the kernel sees it at its own address");
  checks.that(!user_load_from(kGuestKernelStart, &value) && last_trap.vector == 14 && last_trap.error_code == 5 &&
                  last_trap.fault_address == kGuestKernelStart,
              "it faults when it reads the kernel's memory");
  checks.that(!user_store_to(kUserCode, 0) && last_trap.error_code == 7, "and when it writes its code");
  checks.that(!try_store(page_address(first), 0) && last_trap.vector == 14 && last_trap.error_code == 3,
              "the kernel faults when it writes its page table");
  u32 done = 9;
  const MmuUpdate list[] = {{entry_of_page(first + 2), frame_of_page(first + 2) << kPageShift | kP | kW},
                            {entry_of_page(first), frame_of_page(first) << kPageShift | kP | kW}};
  checks.result(mmu_update(list, 2, &done), kInvalid, "mmu_update refuses to map a page table writable");
  checks.that(done == 1, "and says that one request was done");
}

void mappings() {
  const u32 page = take_page(), address = start_info->spare_address + 8 * kPageSize;
  u32 value = 0;
  checks.that(!try_load(address, &value) && last_trap.vector == 14 && last_trap.error_code == 0, "an unmapped page");
  checks.result(hypercall(Hypercall::update_va_mapping, address >> kPageShift,
                          frame_of_page(page) << kPageShift | kP | kW, kVaInvalidate),
                0, "update_va_mapping maps it");
  *at<u32>(page_address(page)) = 77;
  checks.that(try_load(address, &value) && value == 77, "and it shows the frame");
  checks.result(hypercall(Hypercall::update_va_mapping, address >> kPageShift, frame_of_page(page) << kPageShift | kP,
                          kVaInvalidate),
                0, "update_va_mapping takes the right to write away");
  checks.that(!try_store(address, 1) && last_trap.error_code == 3, "and a store faults");
  checks.result(hypercall(Hypercall::update_va_mapping, kHypervisorStart >> kPageShift, 0, 0), kInvalid,
                "update_va_mapping of the hypervisor's part");
  checks.result(hypercall(Hypercall::update_va_mapping_otherdomain, address >> kPageShift, 0, 0, 77), kNoSuchDomain,
                "update_va_mapping_otherdomain of nobody");
  checks.result(hypercall(Hypercall::update_va_mapping, address >> kPageShift, 0, kVaFlushTlb), 0, "and unmaps it");
  checks.that(*at<u32>(kMachineToPhysStart + frame_of_page(page) * 4) == page,
              "the machine-to-physical table knows the page");

  const u32 given = take_page();
  u32 number = frame_of_page(given);
  (void)hypercall(Hypercall::update_va_mapping, page_address(given) >> kPageShift, 0, kVaInvalidate);
  checks.result(hypercall(Hypercall::dom_mem_op, 1, address_of(&number), 1), 1, "dom_mem_op gives a frame back");
  checks.result(hypercall(Hypercall::dom_mem_op, 0, address_of(&number), 1), 1, "and takes one");
  (void)hypercall(Hypercall::update_va_mapping, page_address(given) >> kPageShift, number << kPageShift | kP | kW,
                  kVaInvalidate);
  checks.that(try_load(page_address(given), &value) && value == 0, "which holds zeros");
}

u32 read_gs() {
  u32 value;
  asm volatile("movl %%gs:0, %0" : "=r"(value));
  return value;
}
void load_gs(u32 selector) { asm volatile("movl %0, %%gs" ::"r"(selector)); }
void load_fs(u32 selector) { asm volatile("movl %0, %%fs" ::"r"(selector)); }

constexpr u32 kDataHigh = 0x0040f200;  // present, ring 3, data, byte limit 4 kB - 1 with low word 0x0fff
void data_descriptor(u32 base, u32& low, u32& high) {
  low = base << 16 | 0x0fff;
  high = (base & 0xff000000) | kDataHigh | (base >> 16 & 0xff);
}

void descriptor_tables() {
  const u32 table = take_page(), local = take_page(), shown = take_page();
  at<u32>(page_address(shown))[0] = 11;
  at<u32>(page_address(shown))[4] = 22;
  u32* words = at<u32>(page_address(table));
  data_descriptor(page_address(shown), words[2 * 20], words[2 * 20 + 1]);
  u32* local_words = at<u32>(page_address(local));
  data_descriptor(page_address(shown), local_words[2 * 3], local_words[2 * 3 + 1]);
  const MmuUpdate read_only[] = {{entry_of_page(table), frame_of_page(table) << kPageShift | kP},
                                 {entry_of_page(local), frame_of_page(local) << kPageShift | kP},
                                 command(MmuCommand::flush_tlb, 0)};
  (void)mmu_update(read_only, 3);
  u32 frames[1] = {frame_of_page(table)};
  checks.result(hypercall(Hypercall::set_gdt, address_of(frames), 512), 0, "set_gdt");
  load_gs(20 << 3 | 3);
  checks.that(read_gs() == 11, "a segment of it has its base");
  u32 low, high;
  data_descriptor(page_address(shown) + 16, low, high);
  const u32 entry = (frame_of_page(table) << kPageShift) + 20 * 8;
  checks.result(hypercall(Hypercall::update_descriptor, entry, low, high), 0, "update_descriptor");
  load_gs(20 << 3 | 3);
  checks.that(read_gs() == 22, "moves it");
  checks.result(hypercall(Hypercall::update_descriptor, entry, 0xffff, 0x00cf9200), kInvalid,
                "update_descriptor refuses a segment of ring 0");

  checks.result(mmu_update(command(MmuCommand::set_ldt, page_address(local), 8)), 0, "a local descriptor table");
  load_fs(3 << 3 | 7);
  u32 value = 0;
  asm volatile("movl %%fs:0, %0" : "=r"(value));
  checks.that(value == 11, "and a segment of it");
  const u32 before = failsafes_taken;
  (void)mmu_update(command(MmuCommand::set_ldt, 0, 0));  // FS cannot be loaded any more on the way back
  checks.that(failsafes_taken == before + 1, "a selector that cannot be loaded enters the failsafe callback");
  load_gs(0);
}

void floating_point() {
  const u32 before = traps_taken[7];
  trap_handler = [](TrapFrame& frame) { return frame.vector == 7; };
  asm volatile("fninit; fld1; fld1; faddp");
  checks.that(traps_taken[7] == before, "the FPU is given to whoever uses it, unseen");
  checks.result(hypercall(Hypercall::fpu_taskswitch), 0, "fpu_taskswitch");
  u32 two = 0;
  asm volatile("fistpl %0" : "=m"(two));
  checks.that(traps_taken[7] == before + 1 && two == 2, "and the next use traps once, with its registers kept");
  trap_handler = nullptr;
}

void debug_registers() {
  checks.result(hypercall(Hypercall::set_debugreg, 0, 0xfc400000), kNotPermitted, "a breakpoint in the hypervisor");
  checks.result(hypercall(Hypercall::set_debugreg, 0, address_of(const_cast<const u32*>(&watched))), 0, "set_debugreg");
  checks.result(hypercall(Hypercall::get_debugreg, 0), static_cast<s32>(address_of(const_cast<const u32*>(&watched))),
                "get_debugreg");
  constexpr u32 kWriteOfFourBytes = 0x000d0001;
  (void)hypercall(Hypercall::set_debugreg, 7, kWriteOfFourBytes);
  const u32 before = traps_taken[1];
  trap_handler = [](TrapFrame& frame) { return frame.vector == 1; };
  watched = 5;
  trap_handler = nullptr;
  checks.that(traps_taken[1] == before + 1, "a store to it traps");
  checks.that((hypercall(Hypercall::get_debugreg, 6) & 1) == 1, "and register 6 says which");
  (void)hypercall(Hypercall::set_debugreg, 7, 0);
}

void events_and_time() {
  const u32 timer = bind_virq(Virq::timer), alarm = bind_virq(Virq::virtual_timer);
  checks.that(timer != 0 && alarm != 0, "event_channel_op binds the timers");
  const u32 before = port_events[timer];
  const u64 now = system_time();
  checks.result(hypercall(Hypercall::set_timer_op, high_word(now + 3 * kMillisecond), low_word(now + 3 * kMillisecond)),
                0, "set_timer_op");
  while (system_time() < now + 3 * kMillisecond) block();
  checks.that(port_events[timer] > before, "sched_op blocks until its event comes");
  const u64 ran = virtual_time();
  checks.result(hypercall(Hypercall::set_virtual_timer_op, high_word(ran + kMillisecond), low_word(ran + kMillisecond)),
                0, "set_virtual_timer_op");
  while (port_events[alarm] == 0) asm volatile("" ::: "memory");
  checks.that(virtual_time() >= ran + kMillisecond, "the alarm of virtual time comes when the vCPU has run so long");
  ControlOp op{};
  op.words[0] = 1'065'700'000;
  checks.result(control(ControlCommand::settime, op), 0, "dom0_op settime");
  wait_until(system_time() + 20 * kMillisecond);  // the page is written at the next tick
  checks.that(shared().time[0].wall_seconds >= 1'065'700'000 && shared().time[0].wall_seconds < 1'065'700'100,
              "and the shared page has it");
}

void devices_without_any() {
  checks.result(hypercall(Hypercall::net_io_op, 0, 0), kInvalid, "net_io_op without an interface");
  checks.result(hypercall(Hypercall::block_io_op, 0), kNoDevice, "block_io_op without a disk");
}

void second_domain() {
  const char* step = "";
  const s32 made = build_domain({.line = "run=second", .start = false}, &step);
  checks.that(made > 0, "dom0_op and update_va_mapping_otherdomain build a domain");
  if (made <= 0) {
    Line{} << "          " << step << ": " << made;
    return;
  }
  const auto other = static_cast<u32>(made);
  const u32 deaths = bind_virq(Virq::domain_exception), port = connect(other);
  checks.that(port != 0, "a channel to it");
  checks.result(unpause(other), 0, "it is let go");
  sleep_until([&] { return port_events[port] != 0; });
  checks.that(true, "and sends an event");
  EventChannelOp op{};
  op.port1 = port;
  op.dom1 = kDomainSelf;
  checks.result(event_op(EventChannelCommand::status, op), 0, "the channel's status");
  checks.that(op.state == static_cast<u32>(PortState::interdomain) && op.dom2 == other, "names it");
  op.port1 = port;
  checks.result(event_op(EventChannelCommand::send, op), 0, "an event back");
  sleep_until([&] { return port_events[deaths] != 0; });
  DomainInfo info{};
  checks.that(domain_info(other, info) && (info.flags >> 6 & 1) == 1 && (info.flags >> 8 & 0xff) == 7,
              "it shuts down with its reason");
  checks.result(destroy(other), 0, "it is destroyed");
  checks.that(!domain_info(other, info), "and gone");
}

}  // namespace

u32 tour() {
  free_page = first_page_behind_image();
  versions_and_calls();
  traps();
  ring3();
  mappings();
  descriptor_tables();
  floating_point();
  debug_registers();
  events_and_time();
  devices_without_any();
  second_domain();
  Line{} << checks.made() << " checks, " << checks.failed() << " failed";
  return checks.failed();
}

u32 recursion() { return probe(metal::kProbeRecursion); }

// Sends an event through the only channel it has, waits for one, and shuts down.
void second() {
  const u32 port = channel();
  if (port == 0) shut_down(8);
  send_event(port);
  sleep_until([&] { return port_events[port] != 0; });
  Line{} << "the second domain has its answer";
  shut_down(7);
}

}  // namespace guest
