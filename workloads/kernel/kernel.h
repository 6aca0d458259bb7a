// The guest kernel: processes and their memory, scheduling, time. A model of Linux 2.4.
//
// The kernel runs as coroutines on whatever CPU it is given. Every process has a kernel side, which is its program's
// coroutine inside a system call, or the handler that interrupted it; a process switch stores the register frame whose
// EIP names that coroutine and loads another's. Cost: path lengths of the kernel file, charged where the work is.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/machine.h"
#include "sim/outside/packet_trace.h"
#include "workloads/kernel/block/disk.h"
#include "workloads/kernel/file_system.h"
#include "workloads/kernel/history.h"
#include "workloads/kernel/kernel_objects.h"
#include "workloads/kernel/locks.h"
#include "workloads/kernel/memory_map.h"
#include "workloads/kernel/network/transmit_queue.h"
#include "workloads/kernel/page_allocator.h"
#include "workloads/kernel/page_reclaim.h"
#include "workloads/kernel/path.h"
#include "workloads/kernel/process.h"
#include "workloads/kernel/process_life.h"
#include "workloads/kernel/scheduler.h"
#include "workloads/kernel/semaphores.h"
#include "workloads/kernel/signals.h"
#include "workloads/kernel/swap_space.h"
#include "workloads/kernel/timer_list.h"
#include "workloads/ports/port.h"

namespace guest {

class NetworkStack;
struct NamedProgram;

inline constexpr u32 kTicksPerSecond = 100;  // HZ of Linux 2.4 on i386
inline constexpr s64 kTickNanoseconds = 1'000'000'000 / kTicksPerSecond;

class Kernel {
 public:
  Kernel(std::string name, model::Machine& machine, Port& port, u32 processors, IpAddress address,
         const KernelFile& file);
  ~Kernel();
  Kernel(const Kernel&) = delete;
  Kernel& operator=(const Kernel&) = delete;

  // --- boot, called by the port ------------------------------------------------------------------------------------
  // Before the first process. `seed`: of its history, a stream of its own per kernel.
  void give_memory(GuestFrame first, u32 frames, GuestFrame low_end, u64 seed);
  // Init and what it starts, up to the moment at which the programs of the experiment begin; takes no time. After the
  // drivers have what they need.
  void pass_history();
  // Makes the process of a program, which must outlive the kernel; it runs as soon as it is scheduled.
  model::Task<> spawn(const NamedProgram& named);
  model::Task<> start_daemons();
  // A disk, before the first process: `sectors` of the device from `first` on, and its raw device /dev/raw/NAME. Disks
  // of one driver share its queue.
  void add_disk(std::string name, BlockDriver& driver, u64 first, u64 sectors, bool writable);
  void use_as_swap(std::string disk) { swap_disk_ = std::move(disk); }  // by its name, before start_daemons()
  void mount_with_writeback(std::string disk) { writeback_disks_.insert(std::move(disk)); }  // data=writeback
  // Shows the requests of its block devices to a trace, under the name of the n-th from 0.
  using DeviceName = std::function<std::string(std::size_t n)>;
  void trace_requests(model::BlockTrace& to, DeviceName name);
  // The idle loop of a processor, on whose boot stack it runs. Never ends.
  model::Task<> idle();
  Process& idle_process(u32 processor) { return *idle_[processor]; }
  void set_up() { up_ = true; }
  bool up() const { return up_; }

  // --- interrupts and exceptions, called by the port's handlers -----------------------------------------------------
  model::Task<> page_fault(u32 address, u32 error_code);
  // So many ticks have passed since the last one on this processor, and since the last one on any: on most systems
  // processor 0 keeps the time for all.
  void timer_interrupt(u32 ticks) { timer_interrupt(ticks, port_.processor() == 0 ? ticks : 0); }
  void timer_interrupt(u32 ticks, u32 of_all);
  // A packet, to the protocol that it is for [netif_receive_skb]. Where answers may be sent, which takes a Task: in
  // deferred work. An interrupt handler queues it for that [netif_rx]; when too many wait it is dropped.
  model::Task<> receive(sim::Packet packet);
  void queue_packet(const sim::Packet& packet);
  bool soft_interrupts_pending() const;
  model::Task<> run_soft_interrupts();  // the deferred work: what is queued to be sent and as received, what is due
  bool need_reschedule() const { return scheduler_.need_reschedule(port_.processor()); }
  // Before any return to user mode; signals last, and only if signal_pending().
  model::Task<> reschedule_if_needed();
  bool signal_pending();
  // By the user's frame just below the end of the kernel stack, which is the same afterwards.
  model::Task<> deliver_signals();
  // Puts a frame there, for a port whose entries leave it elsewhere.
  void set_user_frame(const UserFrame& frame);

  // --- services, called in a process --------------------------------------------------------------------------------
  Process& current() { return scheduler_.current(port_.processor()); }
  Process* find_process(ProcessId id) { return life_.find(id); }  // null: there is none
  void enter_system_call();                                       // ring 3 to the kernel
  model::Task<> leave_system_call();                              // and back
  void enter_user_mode();                                         // of a process that never was there
  void enter_user_mode(const UserFrame& frame);
  model::Task<> schedule();
  model::Task<> sleep_on(WaitQueue& queue);  // until taken from it
  model::Task<> sleep_for(u64 ticks);
  // Until taken from one of the queues, a signal, or the jiffy; none: for ever.
  model::Task<> sleep_on_any(std::span<WaitQueue* const> queues, std::optional<u64> until_jiffy);
  // The process gets Signal::alarm in so many ticks, 0: never; how many were left of the alarm before.
  u64 set_alarm(Process& process, u64 ticks);
  void wake(Process& process);
  void wake_all(WaitQueue& queue);
  void signal(Process& process, Signal signal);        // charged; wakes it if it waits for something
  void force_signal(Process& process, Signal signal);  // of an exception
  // Copies between the kernel and the memory of the current process, which is used and faults in if it must: reading or
  // writing it. A clear stores zeros there.
  model::Task<> copy_user(u32 address, u32 bytes, model::Use use);
  model::Task<> clear_user(u32 address, u32 bytes);
  // What is behind a page of the current process, after it has faulted in if it must [get_user_pages].
  model::Task<GuestFrame> user_page(u32 address, model::Use use);
  // As copy_user, of what a program has on its stack and uses itself around the call: names, sets, results.
  void charge_user_copy(u32 bytes);
  void charge_zeroing(u32 bytes);  // of a page that is not in the cache
  FileSystem& file_system() { return file_system_; }
  const std::deque<Disk>& disks() const { return disks_; }  // in the order in which they were added
  const std::vector<std::unique_ptr<RequestQueue>>& request_queues() const { return queues_; }
  const Disk* find_disk(std::string_view name) const;  // null: there is none
  // Where a packet socket of tcpdump sees packets: between the interface's queue and its driver, and on their way to
  // the protocols.
  sim::PacketTap& packet_tap() { return packet_tap_; }
  TransmitQueue& transmit_queue() { return transmit_queue_; }
  const TransmitQueue& transmit_queue() const { return transmit_queue_; }
  NetworkStack& network() { return *network_; }
  const NetworkStack& network() const { return *network_; }

  // --- for the port and for reports ---------------------------------------------------------------------------------
  // Charged; from the reserve if it must be, for it never sleeps, and panics when there is none. Whoever can sleep asks
  // PageReclaim.
  GuestFrame take_page(PageUse use = PageUse::kernel);
  // Not charged: for what is there before it is measured. Nothing: there is none.
  std::optional<GuestFrame> take_page_for_set_up(PageUse use);
  PageAllocator& pages() { return pages_; }
  const PageAllocator& pages() const { return pages_; }
  History& history() { return history_; }
  const History& history() const { return history_; }
  // Starts a handler on the stack of the current process.
  void handle(model::Task<> handler) { current().image->handlers.start(std::move(handler)); }
  const std::string& name() const { return name_; }
  model::Machine& machine() { return machine_; }
  model::Cpu& cpu() { return machine_.running(); }
  Port& port() { return port_; }
  const KernelFile::Paths& paths() const { return file_.paths; }
  void charge(const Path& path, u64 times = 1);
  void touch(u32 address, u32 lines, model::Use use);  // of the kernel's own memory
  KernelObjects& objects() { return objects_; }
  u64 ticks() const { return ticks_; }
  // What processes have had it do, since it was booted.
  struct Activity {
    u64 system_calls = 0, page_faults = 0, forks = 0, switches = 0;
  };
  const Activity& activity() const { return activity_; }
  void forked() { ++activity_.forks; }
  Semaphores& semaphores() { return semaphores_; }
  bool several_processors() const { return idle_.size() > 1; }
  BigKernelLock& big_lock() { return locks_.big(); }
  const KernelLocks& locks() const { return locks_; }
  u64 packets_dropped() const;  // because too many were queued
  const std::vector<std::unique_ptr<Process>>& processes() const { return life_.all(); }
  PageReclaim& reclaim() { return reclaim_; }
  const PageReclaim& reclaim() const { return reclaim_; }
  SwapSpace& swap() { return swap_; }
  const SwapSpace& swap() const { return swap_; }
  MemoryMap& memory() { return memory_; }
  const MemoryMap& memory() const { return memory_; }
  ProcessLife& life() { return life_; }
  [[noreturn]] void panic(const std::string& reason) const { throw KernelPanic{name_, reason}; }

 private:
  class SwitchRegisters;

  UserFrame user_frame();
  model::Task<> handle_signal(Process& process, Signal signal);
  model::Task<> write_back_daemon();
  void use_process(const Process& process);
  void trace_queue(std::size_t n);
  model::Task<> use_user_memory(u32 address, u32 bytes, model::Use use);

  std::string name_;
  model::Machine& machine_;
  Port& port_;
  const KernelFile& file_;
  Scheduler scheduler_;
  KernelLocks locks_;
  TimerList timers_;
  std::map<std::pair<u64, ProcessId>, Process*> alarms_;  // by jiffy
  std::unique_ptr<NetworkStack> network_;
  PageAllocator pages_;
  History history_;
  u64 seed_ = 0;
  KernelObjects objects_;
  std::vector<std::unique_ptr<RequestQueue>> queues_;
  std::deque<Disk> disks_;  // which raw devices refer to
  model::BlockTrace* block_trace_ = nullptr;
  DeviceName traced_as_;
  FileSystem file_system_{*this};
  TransmitQueue transmit_queue_{*this};
  u64 ticks_ = 0;  // jiffies
  Activity activity_;
  Semaphores semaphores_;
  sim::PacketTap packet_tap_;
  bool up_ = false;
  std::vector<std::unique_ptr<Process>> idle_;
  std::string swap_disk_;                  // empty: none
  std::set<std::string> writeback_disks_;  // by name
  SwapSpace swap_{*this};
  PageReclaim reclaim_;
  MemoryMap memory_;
  ProcessLife life_;
};

}  // namespace guest
