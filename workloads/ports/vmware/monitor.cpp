#include "workloads/ports/vmware/monitor.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "model/execution.h"
#include "workloads/ports/page_entry.h"

namespace guest {

namespace {

constexpr model::Access access_of(u32 error_code) {
  return {.write = (error_code & hw::kFaultWrite) != 0, .user = (error_code & hw::kFaultUser) != 0};
}

}  // namespace

// The process has control in the host's kernel, and somebody else is to have the processor.
class Monitor::GiveWay {
 public:
  explicit GiveWay(Monitor& monitor) : monitor_{monitor}, place_{monitor.machine_} {}
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> here) {
    place_.suspend(here);
    monitor_.host_.give_way();
  }
  void await_resume() { place_.resumed(); }

 private:
  Monitor& monitor_;
  model::SuspendedPlace place_;
};

Monitor::Monitor(WorkstationHost& host, model::Machine& machine, const WorkstationFile& file, u32 frames)
    : host_{host},
      machine_{machine},
      file_{file},
      shadow_frames_{host.take_frames(file.shadow_pages)},
      memory_{machine, host.take_frames(frames), frames},
      shadow_{machine, memory_, shadow_frames_, file.shadow_pages, file.share_large != 0} {}

void Monitor::power_on(const Gates& gates) {
  gates_ = gates;
  on_ = true;
  host_.start_tick();
}

// --- translated code -------------------------------------------------------------------------------------------------

void Monitor::executed(sim::Cycles work) {
  charge(sim::Cycles{work.count() * file_.indirect_branch.count() / file_.work_per_indirect_branch.count()});
}

void Monitor::load_segments(u32 times) { charge(file_.load_segment * times); }

void Monitor::read_clock(u32 times) { charge(file_.read_clock * times); }

void Monitor::entered_from_user() {
  ++counts_.transitions;
  charge(file_.transition);
}

void Monitor::load_page_table_base(GuestFrame directory) {
  ++counts_.address_space_loads;
  charge(file_.load_address_space);
  shadow_.load(directory);
}

void Monitor::invalidate_page(u32 address) {
  charge(file_.invalidate_page);
  shadow_.invalidate(address);
}

void Monitor::set_kernel_stack(u32 stack) {
  kernel_stack_ = stack;
  machine_.running().set_ring1_stack(hw::kRing1Ds, stack);
}

void Monitor::charge_shadow_event(u32 percent) {
  constexpr u32 kWhole = 100;
  charge(sim::Cycles{file_.shadow_event.count() * percent / kWhole});
}

// --- faults ----------------------------------------------------------------------------------------------------------

bool Monitor::hidden_fault(u32 address, u32 error_code) {
  if (shadow_.resolve(address, access_of(error_code)) == ShadowTables::Fault::guest) return false;
  ++counts_.hidden_faults;
  charge_shadow_event(file_.hidden_fault_percent);
  return true;
}

void Monitor::exception(hw::Registers& registers, u32 fault_address) {
  if (registers.vector != hw::kVectorPageFault) machine_.stop("an exception that nothing in the guest raises");
  const GuestMemory::Walk walk = shadow_.guest_walk(fault_address);
  const model::Access access = access_of(registers.error_code);
  if (registers.ring() == 1 && walk.allows(access) && shadow_.traced(walk.frame)) {
    // The instruction stores EAX.
    ++counts_.traced_writes;
    charge_shadow_event(file_.traced_write_percent);
    shadow_.emulate_store(walk.frame, fault_address % hv::kPageSize / 4, registers.eax);
    return;
  }
  ++counts_.true_faults;
  charge(file_.shadow_event);
  fault_address_ = fault_address;
  // The MMU has seen the shadow; the guest is told what its own tables say.
  const u32 present = walk.present ? hw::kFaultPresent : 0;
  deliver(registers, gates_.page_fault, (registers.error_code & ~hw::kFaultPresent) | present);
}

void Monitor::deliver(hw::Registers& registers, u32 gate, std::optional<u32> error_code) {
  const hw::Registers interrupted = registers;
  std::vector<u32> frame;  // lowest address first
  if (error_code) frame.push_back(*error_code);
  frame.insert(frame.end(), {interrupted.eip, interrupted.cs, interrupted.eflags});
  if (interrupted.ring() == 3) {
    frame.insert(frame.end(), {interrupted.esp, interrupted.ss});
    registers.esp = kernel_stack_;
  }
  registers.cs = hw::kRing1Cs;
  registers.ss = hw::kRing1Ds;
  registers.eip = gate;
  const u32 bytes = static_cast<u32>(frame.size() * sizeof(u32));
  registers.esp -= bytes;
  if (!machine_.running().write(registers.esp, frame.data(), bytes)) machine_.stop("the guest's kernel has no stack");
}

// --- the other world -------------------------------------------------------------------------------------------------

// The host's tick is also what the virtual timer is made of.
void Monitor::host_tick() {
  if (!on_) return;
  ++waiting_ticks_;
  for (const Device& of : devices_) of.device->host_tick();
  switches_in_last_tick_ = counts_.world_switches - std::exchange(switches_at_tick_, counts_.world_switches);
}

bool Monitor::has_work() const {
  return waiting_ticks_ > 0 ||
         std::any_of(devices_.begin(), devices_.end(), [](const Device& of) { return of.device->process_has_work(); });
}

// Whenever the processor is in the host's world, the process looks for what its devices have to do.
void Monitor::run_process() {
  if (devices_.empty()) return;
  charge(file_.process_look);
  for (const Device& of : devices_) of.device->process();
}

void Monitor::enter_host() {
  ++counts_.world_switches;
  charge(sim::Cycles{file_.world_switch.count() / 2});
}

// The address spaces of the two worlds have nothing in common, so the guest comes back to an empty TLB.
void Monitor::leave_host() {
  charge(file_.world_switch - sim::Cycles{file_.world_switch.count() / 2});
  model::Cpu& cpu = machine_.running();
  cpu.set_ring1_stack(hw::kRing1Ds, kernel_stack_);
  if (shadow_.loaded()) cpu.load_page_table_base(shadow_.base());
}

model::Task<> Monitor::call_process() {
  enter_host();
  hw::Registers& registers = machine_.running().registers();
  const u32 cs = registers.cs, flags = registers.eflags;
  registers.cs = hw::kHypervisorCs;
  registers.eflags &= ~hw::kInterruptFlag;
  run_process();
  co_await model::interruptible(machine_);  // what has happened until now reaches the devices
  while (host_.device_interrupts()) {
  }
  for (const Device& of : devices_) of.device->process();
  const bool switched = host_.must_give_way();
  if (switched) co_await GiveWay{*this};
  hw::Registers& now = machine_.running().registers();  // perhaps another processor's
  now.cs = cs;
  now.eflags = flags;
  if (!switched) leave_host();
}

// --- interrupts of the guest -----------------------------------------------------------------------------------------

const Monitor::Device* Monitor::raised_device() const {
  const auto found =
      std::find_if(devices_.begin(), devices_.end(), [](const Device& of) { return of.device->raised(); });
  return found == devices_.end() ? nullptr : &*found;
}

void Monitor::deliver_interrupt() {
  if ((machine_.running().registers().eflags & hw::kInterruptFlag) != 0 && interrupt_waits()) take_interrupt();
}

void Monitor::take_interrupt() {
  hw::Registers& registers = machine_.running().registers();
  if (registers.ring() == 3) entered_from_user();
  if (waiting_ticks_ > 0) {
    taken_ticks_ += std::exchange(waiting_ticks_, 0);
    deliver(registers, gates_.timer, std::nullopt);
  } else {
    const Device& of = *raised_device();
    of.device->taken();
    deliver(registers, of.gate, std::nullopt);
  }
  registers.eflags &= ~hw::kInterruptFlag;
}

void Monitor::halt() {
  machine_.running().registers().eflags |= hw::kInterruptFlag;
  if (interrupt_waits()) {
    take_interrupt();
    return;
  }
  enter_host();
  run_process();
  if (!interrupt_waits()) {
    host_.sleep();
    return;
  }
  leave_host();  // what the process has just done raised one
  take_interrupt();
}

void Monitor::acknowledge_timer() {
  counts_.port_accesses += file_.port_accesses_per_tick;
  charge(file_.port_access * file_.port_accesses_per_tick);
}

void Monitor::acknowledge_device() {
  counts_.port_accesses += file_.port_accesses_per_interrupt;
  charge(file_.port_access * file_.port_accesses_per_interrupt);
}

u32 Monitor::take_ticks() { return std::exchange(taken_ticks_, 0); }

}  // namespace guest
