// The life of processes: fork, exec, exit and wait, and who is there. (Linux 2.4, kernel/fork.c, kernel/exit.c,
// fs/exec.c.)
//
// A dead process leaves in two steps, as on Linux: its memory when the processor has switched to another address space,
// for until then it stands on those page tables; the rest when its parent has asked for its status.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "workloads/kernel/process.h"
#include "workloads/kernel/scheduler.h"

namespace guest {

class Kernel;
class Port;

class ProcessLife {
 public:
  ProcessLife(Kernel& kernel, Port& port, Scheduler& scheduler, u32 processors);

  // A process of the kernel's own making, runnable, and a user of its own; a thread has no user memory and never ends.
  model::Task<> spawn(std::string name, UserCode code);
  void start_thread(std::string name, model::Task<> main);

  // --- called in a process ------------------------------------------------------------------------------------------
  // 0: there are too many processes, of all users or of this one [EAGAIN].
  model::Task<ProcessId> fork(UserCode child);
  model::Task<> exec(std::shared_ptr<Inode> file);        // does not return
  model::Task<> exit(u32 status);                         // does not return
  model::Task<std::optional<u32>> wait(ProcessId child);  // its exit status; nothing: no child, or a signal came
  std::optional<ProcessId> take_dead_child();             // without waiting; nothing: none is dead
  // After a switch, in the process that was switched to: what the one before has left behind.
  model::Task<> finish_switch();

  // A sixteenth of the memory's pages; half of them for one user [max_threads, RLIMIT_NPROC].
  u32 most_processes() const;
  u32 most_of_user() const { return most_processes() / 2; }
  Process* find(ProcessId id);       // null: nobody
  Process* find_from(ProcessId id);  // the one with the lowest number from there on; null: nobody
  const std::vector<std::unique_ptr<Process>>& all() const { return processes_; }

 private:
  class EnterImage;

  bool may_fork(const Process& parent) const;
  Process& add(std::string name, UserId user);
  void make_ready(Process& process, model::Task<> main);
  void set_start(hw::Registers& registers, const Process& process) const;
  model::Task<> run_image(Process& process, bool forked);
  model::Task<> run_new_image(Process& process);
  model::Task<> run_user(Process& process);
  model::Task<> load_segments(Process& process, const std::shared_ptr<Inode>& file);
  void leave_family(Process& process);
  void reap(Process& process);  // it is gone afterwards

  Kernel& kernel_;
  Port& port_;
  Scheduler& scheduler_;
  u32 start_image_;  // entry point of a process that never ran, or not yet what it runs now
  ProcessId next_id_ = 1;
  std::vector<std::unique_ptr<Process>> processes_;  // by age
  std::map<UserId, u32> of_user_;                    // how many
  UserId next_user_ = 500;
  struct Processor {
    std::shared_ptr<AddressSpace> loaded;  // by the last process that had one
    Process* dead = nullptr;               // nobody waits for it, and the processor is about to leave it
  };
  std::vector<Processor> processors_;
};

}  // namespace guest
