// The system calls on processes: getppid, fork, execve, exit, waitpid, nanosleep.
#include "workloads/kernel/file_system.h"
#include "workloads/kernel/system_calls.h"

namespace guest {

namespace {

constexpr u32 kStatus = 4;    // the word that waitpid stores
constexpr u32 kTimeSpec = 8;  // struct timespec

}  // namespace

model::Task<ProcessId> SystemCalls::parent_id() {
  kernel_.enter_system_call();
  kernel_.charge(kernel_.paths().identity);
  const ProcessId id = process_.parent != nullptr ? process_.parent->id : 0;
  co_await kernel_.leave_system_call();
  co_return id;
}

model::Task<ProcessId> SystemCalls::fork(UserCode child) {
  kernel_.enter_system_call();
  process_.error = Error::none;
  const ProcessId id = co_await kernel_.life().fork(std::move(child));
  if (id == 0) process_.error = Error::again;
  co_await kernel_.leave_system_call();
  co_return id;
}

model::Task<> SystemCalls::exec(std::string path) {
  kernel_.enter_system_call();
  kernel_.charge(kernel_.paths().path_name);
  kernel_.charge_user_copy(static_cast<u32>(path.size()) + 1);
  const std::shared_ptr<Inode> file = co_await kernel_.file_system().find(path);
  kernel_.charge(kernel_.paths().open);
  if (!file) kernel_.panic(process_.name + " executes " + path + ", which is not there");
  co_await kernel_.life().exec(file);
}

model::Task<> SystemCalls::exit(u32 status) {
  kernel_.enter_system_call();
  co_await kernel_.life().exit(status);
}

model::Task<std::optional<u32>> SystemCalls::wait(ProcessId child) {
  kernel_.enter_system_call();
  const std::optional<u32> status = co_await kernel_.life().wait(child);
  if (status) kernel_.charge_user_copy(kStatus);
  co_await kernel_.leave_system_call();
  co_return status;
}

model::Task<std::optional<ProcessId>> SystemCalls::take_dead_child() {
  kernel_.enter_system_call();
  const std::optional<ProcessId> child = kernel_.life().take_dead_child();
  if (child) kernel_.charge_user_copy(kStatus);
  co_await kernel_.leave_system_call();
  co_return child;
}

model::Task<> SystemCalls::sleep(u64 ticks) {
  kernel_.enter_system_call();
  kernel_.charge_user_copy(kTimeSpec);
  co_await kernel_.sleep_for(ticks);
  co_await kernel_.leave_system_call();
}

}  // namespace guest
