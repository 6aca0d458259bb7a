// lat_ctx: a token goes round a ring of processes, through a pipe from each to the next, and whoever has it sums its
// array. What that costs one process alone is not the switch's.
#include "workloads/programs/lmbench/benchmarks.h"

namespace guest::lmbench {

namespace {

using Pipes = std::vector<SystemCalls::PipeEnds>;

constexpr u32 kToken = sizeof(u32);
constexpr u32 kBytesPerCycle = sizeof(u32);  // assumed: one word summed per cycle; the same alone and in the ring

model::Task<u32> make_array(SystemCalls& calls, u32 bytes) {
  if (bytes == 0) co_return 0;
  const u32 start = co_await calls.grow_heap(bytes);
  co_await calls.access({.first = start, .bytes = bytes, .use = model::Use::write});
  co_return start;
}

model::Task<> sum(SystemCalls& calls, u32 array, u32 bytes) {
  co_await calls.access({.first = array, .bytes = bytes}, sim::Cycles{bytes / kBytesPerCycle});
}

// Closes all of the pipes but these two ends.
model::Task<> close_others(SystemCalls& calls, const Pipes& pipes, Descriptor read, Descriptor write) {
  for (const SystemCalls::PipeEnds& pipe : pipes) {
    if (pipe.read != read) co_await calls.close(pipe.read);
    if (pipe.write != write) co_await calls.close(pipe.write);
  }
}

// Until the process before it closes its pipe.
model::Task<> member(SystemCalls& calls, const BenchProcess& self, Pipes pipes, u32 number, u32 bytes) {
  const Descriptor in = pipes[number - 1].read, out = pipes[number].write;
  co_await close_others(calls, pipes, in, out);
  const u32 array = co_await make_array(calls, bytes);
  while (co_await calls.read(in, self.buffer(), kToken) > 0) {
    co_await calls.access(self.loop, sim::Cycles{0});
    co_await sum(calls, array, bytes);
    co_await calls.write(out, self.buffer(), kToken);
  }
}

model::Task<Pipes> make_pipes(SystemCalls& calls, u32 count) {
  Pipes pipes;
  for (u32 i = 0; i < count; ++i) pipes.push_back(co_await calls.pipe());
  co_return pipes;
}

model::Task<> run_ring(SystemCalls& calls, Timer& timer, const BenchProcess& self, u32 processes, u32 bytes) {
  const Pipes pipes = co_await make_pipes(calls, processes);
  std::vector<ProcessId> members;
  for (u32 i = 1; i < processes; ++i) {
    UserCode code = [&self, pipes, i, bytes](SystemCalls& in) { return member(in, self, pipes, i, bytes); };
    members.push_back(co_await calls.fork(std::move(code)));
  }
  const Descriptor in = pipes.back().read, out = pipes.front().write;
  co_await close_others(calls, pipes, in, out);
  const u32 array = co_await make_array(calls, bytes);
  while (co_await timer.again(calls)) {
    co_await calls.write(out, self.buffer(), kToken);
    co_await calls.read(in, self.buffer(), kToken);
    co_await sum(calls, array, bytes);
  }
  co_await calls.close(out);
  for (const ProcessId process : members) co_await calls.wait(process);
}

model::Task<> run_alone(SystemCalls& calls, Timer& timer, const BenchProcess& self, u32 processes, u32 bytes) {
  const Pipes pipes = co_await make_pipes(calls, processes);
  const u32 array = co_await make_array(calls, bytes);
  while (co_await timer.again(calls)) {
    for (const SystemCalls::PipeEnds& pipe : pipes) {
      co_await calls.write(pipe.write, self.buffer(), kToken);
      co_await calls.read(pipe.read, self.buffer(), kToken);
      co_await sum(calls, array, bytes);
    }
  }
}

}  // namespace

Loop ring(u32 processes, u32 bytes) {
  return [=](SystemCalls& calls, Timer& timer, const BenchProcess& self) {
    return run_ring(calls, timer, self, processes, bytes);
  };
}

Loop ring_alone(u32 processes, u32 bytes) {
  return [=](SystemCalls& calls, Timer& timer, const BenchProcess& self) {
    return run_alone(calls, timer, self, processes, bytes);
  };
}

}  // namespace guest::lmbench
