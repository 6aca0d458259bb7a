// lat_proc, and the programs that it starts.
#include "workloads/programs/lmbench/benchmarks.h"

namespace guest::lmbench {

namespace {

model::Task<> leave(SystemCalls& calls, const BenchProcess& self) {
  co_await self.write(calls, self.shapes.child_writes);
  co_await calls.exit(1);
}

// The program's writing fails, because nothing is open to write to.
model::Task<> become(SystemCalls& calls, const BenchProcess& self, const char* program) {
  constexpr Descriptor kOutput = 1;
  co_await self.write(calls, self.shapes.parent_writes);
  co_await calls.close(kOutput);
  co_await calls.exec(program);
}

model::Task<> fork_loop(SystemCalls& calls, Timer& timer, const BenchProcess& self, UserCode child) {
  while (co_await timer.again(calls)) {
    const ProcessId id = co_await calls.fork(child);
    co_await self.write(calls, self.shapes.parent_writes);
    co_await calls.wait(id);
  }
}

}  // namespace

model::Task<> fork_exit(SystemCalls& calls, Timer& timer, const BenchProcess& self) {
  return fork_loop(calls, timer, self, [&self](SystemCalls& child) { return leave(child, self); });
}

model::Task<> fork_exec(SystemCalls& calls, Timer& timer, const BenchProcess& self) {
  return fork_loop(calls, timer, self, [&self](SystemCalls& child) { return become(child, self, kHelloPath); });
}

model::Task<> fork_shell(SystemCalls& calls, Timer& timer, const BenchProcess& self) {
  return fork_loop(calls, timer, self, [&self](SystemCalls& child) { return become(child, self, kShellPath); });
}

}  // namespace guest::lmbench
