#include "workloads/ports/xen/xen_port.h"

#include <fmt/format.h>

#include <array>
#include <bit>

#include "interface/layout.h"
#include "interface/vcpu.h"
#include "model/execution.h"
#include "workloads/ports/page_entry.h"

namespace guest {

namespace {

constexpr u32 kSystemCallVector = 0x80;

}  // namespace

XenPort::XenPort(std::string name, model::Machine& machine, const HostSpec& spec, IpAddress address,
                 std::vector<NamedProgram> programs, std::vector<std::string> disks, u32 vcpus)
    : machine_{machine},
      programs_{std::move(programs)},
      seed_{spec.seed},
      kernel_{std::move(name), machine, *this, vcpus, address, kernel_file(spec)},
      memory_{kernel_},
      events_{kernel_},
      vif_{*this, events_},
      disk_names_{std::move(disks)},
      vbds_{*this, events_} {
  for (u32 i = 0; i < vcpus; ++i) processors_.emplace_back(kernel_);
  auto& code = machine.code();
  boot_entry_ = code.add_entry([this](model::Cpu&) { kernel_.handle(boot()); });
  other_entry_ = code.add_entry([this](model::Cpu&) { kernel_.handle(start_processor()); });
  upcall_entry_ = code.add_entry([this](model::Cpu&) { kernel_.handle(event_upcall()); });
  page_fault_entry_ = code.add_entry([this](model::Cpu&) { kernel_.handle(page_fault()); });
  unexpected_entry_ = code.add_entry([this](model::Cpu&) { kernel_.panic("an exception that nothing here raises"); });
}

// --- boot ------------------------------------------------------------------------------------------------------------

void XenPort::read_start_info(u32 address) {
  start_ = memory_.get<hv::StartInfo>(address);
  if (start_.magic != hv::kStartMagic) kernel_.panic("no start info where ESI points");
  std::vector<u32> list(start_.pages);
  memory_.read(start_.frame_list_address, list.data(), start_.pages * static_cast<u32>(sizeof(u32)));
  frames_.clear();
  for (const u32 frame : list) frames_.emplace_back(frame);

  layout_ = ImageLayout{start_.first_free_page};
  const u32 boot_stack_page = start_.pages - 1;
  if (layout_.end() >= boot_stack_page) kernel_.panic("too little memory for the kernel");
  kernel_.give_memory(GuestFrame{layout_.end()}, boot_stack_page - layout_.end(), GuestFrame{start_.pages}, seed_);
  kernel_.idle_process(0).kernel_stack = GuestFrame{boot_stack_page}.kernel_address() + hv::kPageSize;
  for (u32 i = 0; i < processors_.size(); ++i) {
    processors_[i].loaded_directory = GuestFrame{start_.table_first + start_.table_pages - 1};
    processors_[i].updates.place(layout_.update_list_of(i), layout_.arguments_of(i) + kArgumentDone);
  }
  events_.place(start_.shared_info_address);
}

model::Task<> XenPort::boot() {
  read_start_info(machine_.running().registers().esi);
  co_await install_traps();
  co_await bind_own_ports();
  accounted_time_ = here().accounted_time;
  if (start_.vifs > 0) {
    network_port_ = co_await bind(hv::EventChannelCommand::bind_virq, static_cast<u32>(hv::Virq::network));
    co_await vif_.start();
  }
  if (!disk_names_.empty()) {
    block_port_ = co_await bind(hv::EventChannelCommand::bind_virq, static_cast<u32>(hv::Virq::block));
    co_await vbds_.start(disk_names_);
  }
  co_await enable_events();
  co_await start_processors();
  kernel_.pass_history();
  for (const NamedProgram& named : programs_) co_await kernel_.spawn(named);
  co_await kernel_.start_daemons();
  kernel_.set_up();
  co_await kernel_.idle();
}

// The others begin on stacks of their own in the address space of this one.
model::Task<> XenPort::start_processors() {
  const u32 address = layout_.arguments() + kArgumentVcpu;
  for (u32 i = 1; i < processors_.size(); ++i) {
    const u32 stack = kernel_.take_page().kernel_address() + hv::kPageSize;
    kernel_.idle_process(i).kernel_stack = stack;
    memory_.put(address, hv::VcpuContext{other_entry_, stack, machine_frame(here().loaded_directory).number(), i});
    co_await expect_success("virtual CPU", hv::Hypercall::vcpu_op, static_cast<u32>(hv::VcpuOp::initialise), i,
                            address);
    co_await expect_success("virtual CPU", hv::Hypercall::vcpu_op, static_cast<u32>(hv::VcpuOp::up), i);
  }
}

model::Task<> XenPort::start_processor() {
  disable_events();
  co_await set_entries();
  co_await bind_own_ports();
  co_await enable_events();
  co_await kernel_.idle();
}

model::Task<> XenPort::bind_own_ports() {
  Processor& processor = here();
  processor.timer_port = co_await bind(hv::EventChannelCommand::bind_virq, static_cast<u32>(hv::Virq::timer));
  processor.accounted_time = events_.system_time();
  if (processors_.size() == 1) co_return;
  processor.reschedule_port = co_await bind(hv::EventChannelCommand::bind_ipi, this->processor());
}

model::Task<> XenPort::install_traps() {
  constexpr u8 kFromUserMode = 3;
  const auto gate = [](u32 vector, u8 flags, u32 address) {
    return hv::TrapEntry{static_cast<u8>(vector), flags, static_cast<u16>(hw::kRing1Cs), address};
  };
  const std::array<hv::TrapEntry, 5> table = {
      gate(hw::kVectorInvalidOpcode, 0, unexpected_entry_), gate(hw::kVectorGeneralProtection, 0, unexpected_entry_),
      gate(hw::kVectorPageFault, 0, page_fault_entry_), gate(kSystemCallVector, kFromUserMode, unexpected_entry_),
      hv::TrapEntry{}};
  const u32 address = layout_.arguments() + kArgumentTrapTable;
  memory_.put(address, table);
  co_await expect_success("trap table", hv::Hypercall::set_trap_table, address);
  co_await set_entries();
}

model::Task<> XenPort::set_entries() {
  co_await expect_success("callbacks", hv::Hypercall::set_callbacks, hw::kRing1Cs, upcall_entry_, hw::kRing1Cs,
                          unexpected_entry_);
  co_await expect_success("fast trap", hv::Hypercall::set_fast_trap, kSystemCallVector);
  co_await expect_success("kernel stack", hv::Hypercall::stack_switch, hw::kRing1Ds,
                          kernel_.idle_process(processor()).kernel_stack);
}

model::Task<u32> XenPort::bind(hv::EventChannelCommand command, u32 number) {
  hv::EventChannelOp op{};
  op.command = static_cast<u32>(command);
  op.number = number;
  const u32 address = layout_.arguments_of(processor()) + kArgumentEvents;
  memory_.put(address, op);
  co_await expect_success("event port", hv::Hypercall::event_channel_op, address);
  const u32 port = memory_.get<hv::EventChannelOp>(address).port1;
  events_.unmask_port(port);
  co_return port;
}

// --- entries from the hypervisor -------------------------------------------------------------------------------------

model::Task<> XenPort::event_upcall() {
  const hw::Registers interrupted = machine_.running().registers();
  kernel_.charge(kernel_.paths().event_dispatch);
  co_await dispatch_events();
  co_await return_from(interrupted);
}

// The hypervisor has pushed the error code and below it the address.
model::Task<> XenPort::page_fault() {
  hw::Registers& registers = machine_.running().registers();
  const u32 address = memory_.load(registers.esp);
  u32 error_code = memory_.load(registers.esp + sizeof(u32));
  registers.esp += 2 * sizeof(u32);
  const hw::Registers interrupted = registers;
  // As the port did it: user or kernel by the interrupted CS, not by the MMU's error code.
  const u32 interrupted_cs = memory_.load(registers.esp + sizeof(u32));
  error_code = (error_code & ~hw::kFaultUser) | ((interrupted_cs & 3) == 3 ? hw::kFaultUser : 0);

  if (!updates().empty()) {  // the update that the access needs may be waiting: flush and let it try again
    kernel_.charge(kernel_.paths().exception);
    co_await flush();
  } else {
    co_await kernel_.page_fault(address, error_code);
  }
  co_await return_from(interrupted);
}

// To what an upcall or an exception has interrupted; its frame is on the stack, its other registers in `interrupted`.
model::Task<> XenPort::return_from(hw::Registers interrupted) {
  const bool to_user = (memory_.load(interrupted.esp + sizeof(u32)) & 3) == 3;
  co_await send_reschedules();
  co_await enable_events();
  if (to_user) {
    co_await kernel_.reschedule_if_needed();
    if (kernel_.signal_pending()) co_await kernel_.deliver_signals();
  }
  hw::Registers& registers = machine_.running().registers();
  registers = interrupted;
  if (!machine_.running().interrupt_return()) kernel_.panic("the kernel stack is not there");
}

model::Task<> XenPort::dispatch_events() {
  do {
    for (u32 words = events_.take_selector(); words != 0; words &= words - 1) {
      const u32 word = static_cast<u32>(std::countr_zero(words));
      for (u32 ports = events_.take_ports(word); ports != 0; ports &= ports - 1) {
        const u32 port = word * 32 + static_cast<u32>(std::countr_zero(ports));
        if (port == here().reschedule_port && here().flush_due) co_await flush_here();
        if (port == here().timer_port) timer_event();
        if (port == network_port_) co_await vif_.interrupt();
        if (port == block_port_) co_await vbds_.interrupt();
        if (kernel_.soft_interrupts_pending()) co_await kernel_.run_soft_interrupts();
      }
    }
  } while (events_.upcall_pending());
}

// Whichever virtual CPU is first keeps the time of all: any of them may be without a CPU.
void XenPort::timer_event() {
  const s64 now = events_.system_time();
  const auto take_ticks = [now](s64& accounted) {
    const s64 ticks = (now - accounted) / kTickNanoseconds;
    if (ticks <= 0) return 0u;
    accounted += ticks * kTickNanoseconds;
    return static_cast<u32>(ticks);
  };
  const u32 of_all = take_ticks(accounted_time_);
  const u32 ticks = take_ticks(here().accounted_time);
  if (ticks > 0 || of_all > 0) kernel_.timer_interrupt(ticks, of_all);
}

// An event for each: it says that the flag for rescheduling was set.
model::Task<> XenPort::send_reschedules() {
  if (here().reschedules_due == 0) return {};
  return send_due_reschedules();
}

model::Task<> XenPort::send_due_reschedules() {
  Processor& sender = here();
  while (sender.reschedules_due != 0) {
    const u32 target = static_cast<u32>(std::countr_zero(sender.reschedules_due));
    sender.reschedules_due &= sender.reschedules_due - 1;
    if (processors_[target].reschedule_port == 0) continue;  // it has not begun, and will look
    hv::EventChannelOp op{};
    op.command = static_cast<u32>(hv::EventChannelCommand::send);
    op.port1 = processors_[target].reschedule_port;
    const u32 address = layout_.arguments_of(processor()) + kArgumentEvents;
    memory_.put(address, op);
    co_await expect_success("interprocessor event", hv::Hypercall::event_channel_op, address);
  }
}

model::Task<> XenPort::yield() {
  co_await expect_success("yield", hv::Hypercall::sched_op, static_cast<u32>(hv::SchedOp::yield));
}

// --- deferring events ------------------------------------------------------------------------------------------------

void XenPort::disable_events() { events_.mask_upcalls(true); }

// Mostly nothing is pending, so that only then it takes a coroutine.
model::Task<> XenPort::enable_events() {
  events_.mask_upcalls(false);
  if (!events_.upcall_pending()) return {};
  return take_pending_events();
}

model::Task<> XenPort::take_pending_events() {
  do {
    events_.mask_upcalls(true);
    co_await dispatch_events();
    events_.mask_upcalls(false);
  } while (events_.upcall_pending());
}

bool XenPort::save_and_disable_events() {
  const bool were_disabled = events_.upcalls_masked();
  events_.mask_upcalls(true);
  return were_disabled;
}

model::Task<> XenPort::restore_events(bool were_disabled) {
  if (were_disabled) return {};
  return enable_events();
}

// --- code ------------------------------------------------------------------------------------------------------------

KernelImage XenPort::image() const { return {layout_.text(), layout_.data()}; }

// Two changes of the event mask, which is memory: nothing beyond the path that contains them.
void XenPort::executed(sim::Cycles, u32, u32) {}

void XenPort::did(Operation operation, u32 times) {
  if (operation != Operation::load_segment) return;
  machine_.running().charge(machine_.file().cpu.load_segment * times, model::Cause::operation);
}

// --- processes and idleness ------------------------------------------------------------------------------------------

model::Task<> XenPort::load(const AddressSpace& space) {
  here().loaded_directory = space.directory;
  here().flush_due = false;
  return updates().command(hv::MmuCommand::new_base_pointer, machine_frame(space.directory).address());
}

model::Task<> XenPort::activate_space(AddressSpace& space) {
  if (space.directory == here().loaded_directory && !here().flush_due) co_return;
  const bool disabled = save_and_disable_events();
  co_await load(space);
  co_await updates().flush();
  co_await restore_events(disabled);
}

// One hypercall, whatever is queued: the updates with the new base pointer, then the new kernel stack.
model::Task<> XenPort::switch_process(const Process& next) {
  co_await send_reschedules();
  if (next.space && (next.space->directory != here().loaded_directory || here().flush_due)) co_await load(*next.space);
  const u32 list = layout_.arguments_of(processor()) + kArgumentMulticall;
  u32 entries = 0;
  const auto append = [&](hv::Hypercall number, u32 a, u32 b, u32 c) {
    hv::MulticallEntry entry{};
    entry.op = static_cast<u32>(number);
    entry.arguments[0] = a;
    entry.arguments[1] = b;
    entry.arguments[2] = c;
    memory_.put(list + entries++ * static_cast<u32>(sizeof entry), entry);
  };
  if (!updates().empty()) {
    const UpdateQueue::Batch batch = updates().take_batch();
    append(hv::Hypercall::mmu_update, batch.list, batch.count, batch.done);
  }
  append(hv::Hypercall::stack_switch, hw::kRing1Ds, next.kernel_stack, 0);
  co_await expect_success("process switch", hv::Hypercall::multicall, list, entries);
  for (u32 i = 0; i < entries; ++i) {
    const auto done = memory_.get<hv::MulticallEntry>(list + i * static_cast<u32>(sizeof(hv::MulticallEntry)));
    if (static_cast<s32>(done.result) < 0) kernel_.panic("the hypervisor refused a process switch");
  }
  give_unprotected_tables();
}

// Events wait from the look at the flag until the hypervisor blocks, which lets them in: one in between that woke
// somebody would be slept through.
model::Task<> XenPort::wait_for_interrupt(std::optional<u64> timer_ticks) {
  co_await trim_tables();
  co_await send_reschedules();
  disable_events();
  if (kernel_.need_reschedule()) {
    co_await enable_events();
    co_return;
  }
  const u64 deadline =  // 0: none
      timer_ticks ? static_cast<u64>(accounted_time_ + static_cast<s64>(*timer_ticks) * kTickNanoseconds) : 0;
  co_await expect_success("timer", hv::Hypercall::set_timer_op, hv::high_word(deadline), hv::low_word(deadline));
  co_await expect_success("block", hv::Hypercall::sched_op, static_cast<u32>(hv::SchedOp::block));
}

model::Task<> XenPort::expect_success(const char* what, hv::Hypercall number, u32 a, u32 b, u32 c, u32 d) {
  const s32 result = co_await model::hypercall(machine_, number, a, b, c, d);
  if (result < 0) kernel_.panic(fmt::format("the hypervisor refused the {}: error {}", what, -result));
}

}  // namespace guest
