// A process of the guest kernel.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/types.h"
#include "hardware/registers.h"
#include "model/task.h"
#include "workloads/kernel/address_space.h"
#include "workloads/kernel/detached_tasks.h"
#include "workloads/kernel/file.h"
#include "workloads/kernel/wait_queue.h"

namespace guest {

class SystemCalls;

using ProcessId = u32;  // 0: an idle process
using UserId = u32;
inline constexpr UserId kSuperUser = 0;

// What a process does in user mode. The object outlives the coroutine that it makes.
using UserCode = std::function<model::Task<>(SystemCalls&)>;

enum class Signal : u8 { child = 17, alarm = 14, user1 = 10, segmentation = 11, kill = 9 };  // numbers of i386 Linux
inline constexpr u32 kSignals = 32;

struct Process {
  enum class State : u8 { runnable, sleeping, zombie };

  Process(ProcessId process_id, std::string process_name) : id{process_id}, name{std::move(process_name)} {}

  // Scheduling, see kernel/scheduler.h: in one line of the cache, for every choice of the next process looks at it in
  // all of them.
  alignas(64) bool in_run_queue = false;
  State state = State::sleeping;
  s32 nice = 0;
  s32 counter = 0;            // ticks left of its time slice
  u32 processor = 0;          // where it runs or ran last
  bool on_processor = false;  // it is the current process there
  u32 big_lock_depth = 0;     // times that it has the big kernel lock, see kernel/locks.h

  // Null: a kernel thread, which borrows the one before it. Processors that have it loaded keep it alive too.
  std::shared_ptr<AddressSpace> space;

  ProcessId id;
  std::string name;
  UserId user = kSuperUser;
  u64 started = 0, cpu_ticks = 0;  // tick of its birth; ticks in which it was found running
  bool uses_reserve = false;       // of free pages: it frees memory, or has been killed so that it does
  std::optional<u64> wakes_at;     // tick, while it sleeps for a time

  hw::Registers registers;  // while it does not run; EIP names where it goes on
  u32 kernel_stack = 0;     // address just above its kernel stack
  std::array<GuestFrame, 2> kernel_pages{GuestFrame{0}, GuestFrame{0}};  // the stack is in the second
  struct Image {                        // what runs of it; exec puts another in its place
    UserCode code;                      // outlives `main`
    std::optional<model::Task<>> main;  // started by the first switch to it
    DetachedTasks handlers;             // of interrupts and exceptions that came while it ran
  };
  std::unique_ptr<Image> image = std::make_unique<Image>();
  std::unique_ptr<Image> replaced_image;  // by exec, until it is left

  Process* parent = nullptr;  // null: the kernel itself
  std::vector<Process*> children;
  u32 exit_status = 0;     // of a zombie
  WaitQueue child_exited;  // where it waits for a child

  std::vector<std::shared_ptr<OpenFile>> descriptors;  // by number; null: free
  Error error = Error::none;                           // of its last call on files (errno)

  std::array<UserCode, kSignals> signal_handlers;  // empty: the default action
  u32 pending_signals = 0, blocked_signals = 0;    // bit per number
  u64 alarm_at = 0;                                // jiffy of its next alarm; 0: none is set
  WaitQueue* waits_in = nullptr;                   // that a signal takes it out of; null: it does not sleep in one
};

}  // namespace guest
