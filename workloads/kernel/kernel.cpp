#include "workloads/kernel/kernel.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/execution.h"
#include "workloads/kernel/block/raw_device.h"
#include "workloads/kernel/network/network_stack.h"
#include "workloads/kernel/system_calls.h"
#include "workloads/programs/program.h"

namespace guest {

namespace {

// Linux 2.4, fs/buffer.c: kupdate looks for old buffers every five seconds.
constexpr u64 kWriteBackTicks = 5 * kTicksPerSecond;

// Linux 2.4, mm/vmscan.c: SWAP_CLUSTER_MAX.

// Of every 64 bytes of these a page has 44 in mem_map, and 20 in the hash tables of names, inodes, pages, buffers and
// connections, by what a 2.4 kernel with 64 MB says when it boots: 64 + 32 + 64 + 16 + 128 KB of them.
constexpr u32 kPagesPerTablePage = 64;

}  // namespace

// Leaves the present process at this point and goes on with `next`, wherever that was left.
class Kernel::SwitchRegisters {
 public:
  SwitchRegisters(Kernel& kernel, Process& previous, const Process& next)
      : kernel_{kernel}, place_{kernel.machine()}, previous_{previous}, next_{next} {}
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> here) {
    place_.suspend(here);
    hw::Registers& registers = place_.machine().running().registers();
    previous_.registers = registers;
    registers = next_.registers;
    left();
  }
  void await_resume() { place_.resumed(); }

 private:
  // From now on another processor may run it. One that looked for work while this one switched, which takes long if its
  // virtual CPU is descheduled meanwhile, has passed it by.
  void left() {
    previous_.on_processor = false;
    if (previous_.id == 0 || previous_.state != Process::State::runnable) return;
    Scheduler& scheduler = kernel_.scheduler_;
    for (u32 i = 0; i < kernel_.idle_.size(); ++i) {
      if (scheduler.current(i).id != 0 || scheduler.need_reschedule(i)) continue;
      scheduler.set_need_reschedule(i);
      kernel_.port_.send_reschedule(i);
      return;
    }
  }

  Kernel& kernel_;
  model::SuspendedPlace place_;
  Process& previous_;
  const Process& next_;
};

Kernel::Kernel(std::string name, model::Machine& machine, Port& port, u32 processors, IpAddress address,
               const KernelFile& file)
    : name_{std::move(name)},
      machine_{machine},
      port_{port},
      file_{file},
      scheduler_{processors},
      locks_{*this, port, processors, file},
      network_{std::make_unique<NetworkStack>(*this, address)},
      objects_{*this, file.objects},
      reclaim_{*this, port, swap_},
      memory_{*this, port},
      life_{*this, port, scheduler_, processors} {
  for (u32 i = 0; i < processors; ++i) {
    idle_.push_back(std::make_unique<Process>(0, fmt::format("idle/{}", i)));
    scheduler_.set_idle(i, *idle_.back());
  }
}

Kernel::~Kernel() = default;

// A path that runs several times in a row finds its pages where it left them.
void Kernel::charge(const Path& path, u64 times) {
  if (times == 0) return;
  const model::MachineFile& machine = machine_.file();
  const sim::Cycles work = machine.cycles(model::Instructions{path.instructions}, times);
  const sim::Cycles from = cpu().cycles();
  path.driver ? cpu().charge(work, model::Cause::driver) : cpu().charge(work);
  const KernelImage image = port_.image();
  for (const ImageLines& lines : path.text) touch(image.text + lines.offset, lines.count, model::Use::execute);
  for (const ImageLines& lines : path.data) touch(image.data + lines.offset, lines.count, model::Use::read);
  if (several_processors()) {
    cpu().charge(machine.cpu.locked_operation * static_cast<s64>(path.locks * times), model::Cause::operation);
  }
  const auto often = static_cast<u32>(times);
  port_.executed(work, path.interrupt_pairs * often, path.plain_pairs * often);
  if (path.lock != Lock::none && several_processors()) locks_.pass(path, from);
}

void Kernel::touch(u32 address, u32 lines, model::Use use) {
  if (!cpu().touch(address, lines, use)) panic(fmt::format("its own memory at {:#x} is not mapped", address));
}

// What a kernel keeps for a process stands by its kernel stack here, in one page.
void Kernel::use_process(const Process& process) {
  if (process.id == 0) return;  // an idle process has what the boot loader gave it
  touch(process.kernel_stack - hv::kPageSize, file_.process_lines, model::Use::read);
}

// --- processes -------------------------------------------------------------------------------------------------------

namespace {

model::Task<> start_later(SystemCalls& calls, NamedProgram named) {
  co_await calls.sleep(named.start_ticks);
  co_await named.program->run(calls);
}

}  // namespace

model::Task<> Kernel::spawn(const NamedProgram& named) {
  return life_.spawn(named.name, [named](SystemCalls& calls) {
    return named.start_ticks > 0 ? start_later(calls, named) : named.program->run(calls);
  });
}

model::Task<> Kernel::start_daemons() {
  life_.start_thread("kupdated", write_back_daemon());
  life_.start_thread("kswapd", reclaim_.daemon());
  if (const Disk* swap = find_disk(swap_disk_)) swap_.use(*swap);
  // Its file system is on the first other disk that can be written.
  const auto disk = std::find_if(disks_.begin(), disks_.end(),
                                 [&](const Disk& each) { return each.writable && each.name != swap_disk_; });
  if (disk == disks_.end()) co_return;
  file_system_.mount(*disk, !writeback_disks_.contains(disk->name));
  life_.start_thread("bdflush", file_system_.cache()->flush_daemon());
  life_.start_thread("kjournald", file_system_.journal().daemon());
  co_return;
}

void Kernel::add_disk(std::string name, BlockDriver& driver, u64 first, u64 sectors, bool writable) {
  const auto of_driver = [&](const std::unique_ptr<RequestQueue>& queue) { return &queue->driver() == &driver; };
  auto queue = std::find_if(queues_.begin(), queues_.end(), of_driver);
  if (queue == queues_.end()) {
    queue = queues_.insert(queues_.end(), std::make_unique<RequestQueue>(*this, driver));
    if (block_trace_ != nullptr) trace_queue(queues_.size() - 1);
  }
  const Disk& disk = disks_.emplace_back(Disk{std::move(name), **queue, first, sectors, writable});
  file_system_.install_device("/dev/raw/" + disk.name, std::make_shared<RawDevice>(disk));
}

void Kernel::trace_requests(model::BlockTrace& to, DeviceName name) {
  block_trace_ = &to;
  traced_as_ = std::move(name);
  for (std::size_t n = 0; n < queues_.size(); ++n) trace_queue(n);
}

void Kernel::trace_queue(std::size_t n) { queues_[n]->trace(*block_trace_, block_trace_->add_device(traced_as_(n))); }

const Disk* Kernel::find_disk(std::string_view name) const {
  const auto found = std::find_if(disks_.begin(), disks_.end(), [&](const Disk& disk) { return disk.name == name; });
  return found == disks_.end() ? nullptr : &*found;
}

model::Task<> Kernel::write_back_daemon() {
  co_await life_.finish_switch();
  co_await port_.enable_events();
  while (true) {
    co_await sleep_for(kWriteBackTicks);
    co_await file_system_.write_back();
  }
}

model::Task<> Kernel::idle() {
  while (true) {
    while (!need_reschedule()) {
      std::optional<u64> next = timers_.next();
      if (!alarms_.empty()) next = std::min(next.value_or(alarms_.begin()->first.first), alarms_.begin()->first.first);
      if (const std::optional<u64> tcp = network_->tcp().next_timer()) next = std::min(next.value_or(*tcp), *tcp);
      co_await port_.wait_for_interrupt(next ? std::optional{*next > ticks_ ? *next - ticks_ : 0} : std::nullopt);
    }
    co_await schedule();
  }
}

// --- scheduling ------------------------------------------------------------------------------------------------------

model::Task<> Kernel::schedule() {
  Process& process = current();
  co_await big_lock().give_up(process);
  port_.disable_events();
  const u32 processor = port_.processor();
  Process& previous = scheduler_.current(processor);
  const Scheduler::Choice choice = scheduler_.choose(processor);
  charge(paths().schedule);
  charge(paths().schedule_task, choice.examined + choice.recalculated);
  if (choice.next != &previous) {
    ++activity_.switches;
    charge(paths().switch_task);
    use_process(*choice.next);
    co_await port_.switch_process(*choice.next);
    co_await SwitchRegisters{*this, previous, *choice.next};
    co_await life_.finish_switch();
  }
  co_await port_.enable_events();
  co_await big_lock().take_back(process);
}

namespace {

model::Task<> schedule_while_needed(Kernel& kernel) {
  while (kernel.need_reschedule()) co_await kernel.schedule();
}

}  // namespace

model::Task<> Kernel::reschedule_if_needed() {
  if (!need_reschedule()) return {};
  return schedule_while_needed(*this);
}

model::Task<> Kernel::sleep_on(WaitQueue& queue) {
  Process& process = current();
  process.state = Process::State::sleeping;
  process.waits_in = &queue;
  queue.add(process);
  charge(paths().wait_queue);
  co_await schedule();
  charge(paths().wait_queue);
  process.waits_in = nullptr;
}

model::Task<> Kernel::sleep_for(u64 ticks) {
  Process& process = current();
  process.state = Process::State::sleeping;
  timers_.add(ticks_ + ticks, process);
  co_await schedule();
}

model::Task<> Kernel::sleep_on_any(std::span<WaitQueue* const> queues, std::optional<u64> until_jiffy) {
  Process& process = current();
  process.state = Process::State::sleeping;
  WaitQueue alone;  // of a process that waits for a signal or for its time only
  process.waits_in = queues.empty() ? &alone : queues.front();
  for (WaitQueue* queue : queues) queue->add(process);
  charge(paths().wait_queue, queues.size());
  if (until_jiffy) timers_.add(*until_jiffy, process);
  co_await schedule();
  for (WaitQueue* queue : queues) queue->remove(process);
  charge(paths().wait_queue, queues.size());
  if (until_jiffy) timers_.remove(*until_jiffy, process);
  process.waits_in = nullptr;
}

u64 Kernel::set_alarm(Process& process, u64 ticks) {
  const u64 left = process.alarm_at > ticks_ ? process.alarm_at - ticks_ : 0;
  alarms_.erase({process.alarm_at, process.id});
  process.alarm_at = ticks == 0 ? 0 : ticks_ + ticks;
  if (ticks != 0) alarms_.emplace(std::pair{process.alarm_at, process.id}, &process);
  return left;
}

void Kernel::wake(Process& process) {
  charge(paths().wake_task);
  const std::optional<u32> processor = scheduler_.wake(process);
  if (processor && *processor != port_.processor()) port_.send_reschedule(*processor);
}

void Kernel::wake_all(WaitQueue& queue) {
  while (Process* process = queue.take_first()) wake(*process);
}

// --- entries ---------------------------------------------------------------------------------------------------------

void Kernel::enter_system_call() {
  if (!port_.enter_system_call()) panic("the kernel stack is not there");
  if (cpu().registers().cs != port_.selectors().kernel_cs) panic("a system call did not reach the kernel");
  ++activity_.system_calls;
  charge(paths().system_call);
}

model::Task<> Kernel::leave_system_call() {
  co_await port_.take_interrupts();
  co_await reschedule_if_needed();
  if (signal_pending()) co_await deliver_signals();
  if (!port_.return_to_user()) panic("the kernel stack is not there");
}

void Kernel::enter_user_mode() {
  enter_user_mode({cpu().registers().eip, hw::kRing3Cs, hw::kInterruptFlag, kUserStackTop, hw::kRing3Ds});
}

void Kernel::timer_interrupt(u32 ticks, u32 of_all) {
  charge(paths().timer_tick, ticks);
  ticks_ += of_all;
  if (of_all > 0) {
    while (Process* process = timers_.take_due(ticks_)) wake(*process);
    while (!alarms_.empty() && alarms_.begin()->first.first <= ticks_) {
      Process& process = *alarms_.begin()->second;
      set_alarm(process, 0);
      signal(process, Signal::alarm);
    }
  }
  scheduler_.tick(port_.processor(), ticks);
}

// --- memory ----------------------------------------------------------------------------------------------------------

void Kernel::give_memory(GuestFrame first, u32 frames, GuestFrame low_end, u64 seed) {
  // One page of zeros, as the kernel image has it, and the tables that are in proportion to the memory.
  const u32 taken = 1 + frames / kPagesPerTablePage;
  pages_ = PageAllocator{GuestFrame{first.number() + taken}, frames - taken, low_end};
  seed_ = seed;
  memory_.set_zero_page(first);
  objects_.give_tables(GuestFrame{first.number() + 1}, pages_.first(), pages_.frames());
}

void Kernel::pass_history() { history_.pass(pages_, file_.history, seed_, name_ + ".pages"); }

GuestFrame Kernel::take_page(PageUse use) {
  charge(paths().page_allocate);
  port_.did(Operation::page_taken);
  std::optional<GuestFrame> frame = pages_.take(use);
  if (!frame && reclaim_.drop_clean(use, kReclaimBatch) > 0) frame = pages_.take(use);
  if (!frame) panic("out of memory");
  objects_.use_page_record(*frame);
  return *frame;
}

std::optional<GuestFrame> Kernel::take_page_for_set_up(PageUse use) {
  history_.make_room(pages_, use);
  return pages_.take(use);
}

model::Task<> Kernel::page_fault(u32 address, u32 error_code) {
  ++activity_.page_faults;
  charge(paths().exception);
  Process& process = current();
  const bool write = (error_code & hw::kFaultWrite) != 0;
  if (process.space && address < kKernelStart && co_await memory_.fault(*process.space, address, write)) co_return;
  const bool from_user = (error_code & hw::kFaultUser) != 0;
  if (!from_user || !process.signal_handlers[number_of(Signal::segmentation)]) {
    panic(fmt::format("page fault at {:#010x}, error code {:#x}, in process {}", address, error_code, process.name));
  }
  force_signal(process, Signal::segmentation);
}

// --- deferred work ---------------------------------------------------------------------------------------------------

model::Task<> Kernel::receive(sim::Packet packet) { return network_->receive(packet); }

void Kernel::queue_packet(const sim::Packet& packet) { network_->queue(packet); }

u64 Kernel::packets_dropped() const { return network_->dropped(); }

bool Kernel::soft_interrupts_pending() const { return network_->work_pending(ticks_); }

model::Task<> Kernel::run_soft_interrupts() {
  charge(paths().soft_interrupt);
  co_await transmit_queue_.run();
  co_await network_->work();
}

}  // namespace guest
