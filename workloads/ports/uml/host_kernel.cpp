#include "workloads/ports/uml/host_kernel.h"

#include <algorithm>
#include <array>

#include "interface/layout.h"
#include "workloads/kernel/kernel.h"

namespace guest {

namespace {

// C's stack in the host kernel: the last page of the image.
constexpr u32 kUserProcessStack = kHostStart + 0x400000;
constexpr u32 kMostGuestFrames = (kHostStart - kKernelStart) / hv::kPageSize;

u32 guest_frames_of(model::Machine& machine) {
  const u32 all = machine.memory().frame_count();
  if (all <= 2 * kHostFrames) throw SpecError{"machine", "a host for User-Mode Linux needs more than 128 MiB"};
  return std::min(all - kHostFrames, kMostGuestFrames);
}

}  // namespace

HostKernel::Prices HostKernel::prices_of(model::Machine& machine, const HostPaths& host, const UmlFile& file) {
  const KernelFile::Paths& paths = host.paths();
  const auto length = [&](const Path& path) { return host.length(path); };
  const sim::Cycles request = machine.clock().cycles_in(file.request);
  const auto percent = [&](u32 part) { return sim::Cycles{request.count() * part / 100}; };
  return {.call = host.call(),
          .signal_mask = host.call_and_return() + length(paths.signal_action),
          .minor_fault = length(paths.exception) + length(paths.page_fault) + length(paths.fault_file),
          .traced_call = length(paths.system_call) + length(paths.identity),
          .tick = length(paths.interrupt_dispatch) + length(paths.timer_tick),
          .thread_switch = length(paths.wake_task) + length(paths.schedule) + length(paths.switch_task),
          .switch_over = machine.clock().cycles_in(file.switch_time),
          .map = percent(file.map_percent),
          .live_unmap = percent(file.live_unmap_percent),
          .empty_unmap = percent(file.empty_unmap_percent)};
}

// K has been up for a while: all of its memory is mapped and in its tables, one entry for each 4 kB.
HostKernel::HostKernel(model::Machine& machine, const KernelFile& kernel, const UmlFile& file)
    : machine_{machine},
      host_{machine, kernel},
      prices_{prices_of(machine, host_, file)},
      guest_frames_{guest_frames_of(machine)},
      frames_{machine},
      kernel_space_{frames_},
      network_{machine, kernel, file.tap_frames} {
  network_.add_guest(guest_address(0));
  if (machine.block() != nullptr) disk_.emplace(machine, kernel, file.cache_pages).add_process();
  kernel_space_.populate(kKernelStart, machine_frame(GuestFrame{0}), guest_frames_);
}

void HostKernel::start() {
  model::Cpu& cpu = machine_.running();
  const InHost in_host{cpu};
  cpu.load_page_table_base(kernel_space_.directory());
  cpu.set_direct_gate({0x80, hw::kHypervisorCs, 0});
  cpu.set_ring1_stack(hw::kHypervisorDs, kUserProcessStack);  // the stack of the gates, here ring 0's
  next_tick_ = cpu.cycles() + sim::Cycles{machine_.clock().hertz() / kTicksPerSecond};
  cpu.arm_timer(static_cast<hv::u64>(next_tick_.count()));
}

void HostKernel::start_network() {
  network_.start([this] { return frames_.take(); });
}

void HostKernel::start_disk() {
  if (disk_) disk_->start();
}

// --- K's calls -------------------------------------------------------------------------------------------------------

void HostKernel::call(u32 times) {
  counts_.calls += times;
  host_.spend(prices_.call * times);
}

void HostKernel::change_signal_mask(u32 times) {
  counts_.signal_masks += times;
  host_.spend(prices_.signal_mask * times);
}

void HostKernel::open_space(u32 id) { spaces_.emplace(id, std::make_unique<HostSpace>(frames_)); }

// C may still be in it, but does not run before it is moved on.
void HostKernel::close_space(u32 id) {
  const auto place = spaces_.find(id);
  if (user_space_ == place->second.get()) user_space_ = nullptr;
  spaces_.erase(place);
}

void HostKernel::switch_space(u32 id) { user_space_ = &space(id); }

void HostKernel::map(u32 id, u32 address, GuestFrame frame, bool writable) {
  ++counts_.maps;
  host_.spend(prices_.map);
  space(id).map(address, {machine_frame(frame), writable});
}

void HostKernel::unmap(u32 id, u32 address, u32 bytes) {
  const bool live = space(id).unmap(address, bytes);
  ++(live ? counts_.live_unmaps : counts_.empty_unmaps);
  host_.spend(live ? prices_.live_unmap : prices_.empty_unmap);
}

std::optional<sim::Packet> HostKernel::read_frame() {
  ++counts_.frame_reads;
  return network_.read(kGuest);
}

void HostKernel::write_frame(const sim::Packet& frame) {
  ++counts_.frame_writes;
  network_.write(kGuest, frame);
}

void HostKernel::start_block_call(BlockDirection direction, u64 sector, u32 sectors) {
  ++counts_.block_calls;
  call();  // the request, into the pipe
  host_.spend(prices_.thread_switch);
  call();  // and out of it
  block_call_ = true;
  disk_->begin(kGuest, direction, sector, sectors);
  if (!disk_->finished(kGuest)) host_.spend(prices_.thread_switch);  // the thread sleeps, and K goes on
  answer_block_call();
}

// The thread, which has the CPU, is through with it.
void HostKernel::answer_block_call() {
  if (!block_call_ || !disk_->finished(kGuest)) return;
  block_call_ = false;
  block_answer_ = true;
  call();
  host_.spend(prices_.thread_switch);
}

void HostKernel::disk_interrupt() {
  disk_->interrupt();
  if (block_call_ && disk_->finished(kGuest)) host_.spend(prices_.thread_switch);
  answer_block_call();
}

bool HostKernel::take_block_answer() {
  call();
  block_answer_ = false;
  return !disk_->failed(kGuest);
}

// --- C and K ---------------------------------------------------------------------------------------------------------

void HostKernel::switch_to(hv::MachineFrame directory) {
  ++counts_.switches;
  host_.spend(prices_.switch_over);
  model::Cpu& cpu = machine_.running();
  const InHost in_host{cpu};
  cpu.load_page_table_base(directory);
}

void HostKernel::stop_user() { switch_to(kernel_space_.directory()); }

// K lets it go on as a getpid, which changes nothing, and does the call itself when that is over.
void HostKernel::stop_user_in_call() {
  constexpr u32 kCallsAtEntry = 5;  // wait, get registers, get FPU registers, change the number, continue
  constexpr u32 kCallsAtExit = 1;   // wait
  stop_user();
  call(kCallsAtEntry);
  switch_to(user_space_->directory());
  host_.spend(prices_.traced_call);
  stop_user();
  call(kCallsAtExit);
}

void HostKernel::continue_user(const hw::Registers& user) {
  constexpr u32 kCalls = 3;  // set registers, set FPU registers, continue
  call(kCalls);
  switch_to(user_space_->directory());
  model::Cpu& cpu = machine_.running();
  const std::array<u32, 5> frame = {user.eip, user.cs, user.eflags, user.esp, user.ss};
  hw::Registers& registers = cpu.registers();
  registers = user;
  registers.cs = hw::kHypervisorCs;
  registers.ss = hw::kHypervisorDs;
  registers.esp = kUserProcessStack - static_cast<u32>(sizeof frame);
  if (!cpu.write(registers.esp, frame.data(), sizeof frame) || !cpu.interrupt_return()) {
    throw KernelPanic{"the host", "its own memory is not mapped"};
  }
}

bool HostKernel::minor_fault(u32 address, bool write) {
  bool table_made = false;
  if (!user_space_->fault_in(address, write, table_made)) return false;
  ++counts_.minor_faults;
  host_.spend(prices_.minor_fault);
  if (table_made) host_.spend(machine_.clock().cycles_in(machine_.file().memory.zero_page_uncached));
  return true;
}

u32 HostKernel::timer_interrupt() {
  model::Cpu& cpu = machine_.running();
  host_.spend(prices_.tick);
  const sim::Cycles period{machine_.clock().hertz() / kTicksPerSecond};
  u32 ticks = 0;
  for (; next_tick_ <= cpu.cycles(); next_tick_ += period) ++ticks;
  cpu.arm_timer(static_cast<hv::u64>(next_tick_.count()));
  if (disk_) disk_->tick(ticks);
  return ticks;
}

}  // namespace guest
