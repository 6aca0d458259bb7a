// The loops that lmbench 3.0-a3 times, one function each; a loop runs in a child of the benchmark's process and asks
// the timer before every iteration. Which result is made of which loops: suite.cpp.
#pragma once

#include <functional>
#include <vector>

#include "workloads/kernel/system_calls.h"
#include "workloads/programs/lmbench/process_shapes.h"
#include "workloads/programs/lmbench/timer.h"

namespace guest {

// The process that a loop runs in, once it has started.
struct BenchProcess {
  const ProcessShapes& shapes;
  // Pages that it writes, those first that it writes most: the stack, its data, the C library's, and so on.
  std::vector<u32> written;
  std::vector<model::Sweep> loop;  // what every iteration of a loop uses: text, the library's, stack and data

  u32 buffer() const { return written[1]; }  // of read and write
  // The first `pages` of those that it writes.
  model::Task<> write(SystemCalls& calls, u32 pages) const;
};

using Loop = std::function<model::Task<>(SystemCalls&, Timer&, const BenchProcess&)>;

namespace lmbench {

// Names in the guest's own file system, where lmbench has them.
inline constexpr const char* kDirectory = "/usr/tmp/lmbench";
inline constexpr const char* kBenchPath = "/lmbench/bench";
inline constexpr const char* kHelloPath = "/tmp/hello";
inline constexpr const char* kShellPath = "/bin/sh";
inline constexpr const char* kMappedPath = "/usr/tmp/lmbench/mapped";
inline constexpr u32 kMappedBytes = 8 << 20;

// system_calls.cpp
model::Task<> null_call(SystemCalls& calls, Timer& timer, const BenchProcess& self);
model::Task<> read_zero(SystemCalls& calls, Timer& timer, const BenchProcess& self);
model::Task<> write_null(SystemCalls& calls, Timer& timer, const BenchProcess& self);
model::Task<> stat_directory(SystemCalls& calls, Timer& timer, const BenchProcess& self);
model::Task<> open_close(SystemCalls& calls, Timer& timer, const BenchProcess& self);
model::Task<> select_tcp(SystemCalls& calls, Timer& timer, const BenchProcess& self);

// signals.cpp
model::Task<> install_handler(SystemCalls& calls, Timer& timer, const BenchProcess& self);
model::Task<> catch_signal(SystemCalls& calls, Timer& timer, const BenchProcess& self);
model::Task<> send_nothing(SystemCalls& calls, Timer& timer, const BenchProcess& self);
model::Task<> protection_fault(SystemCalls& calls, Timer& timer, const BenchProcess& self);

// processes.cpp
model::Task<> fork_exit(SystemCalls& calls, Timer& timer, const BenchProcess& self);
model::Task<> fork_exec(SystemCalls& calls, Timer& timer, const BenchProcess& self);
model::Task<> fork_shell(SystemCalls& calls, Timer& timer, const BenchProcess& self);

// context_switch.cpp: an iteration is one lap of the token; alone: the same calls by one process.
Loop ring(u32 processes, u32 bytes);
Loop ring_alone(u32 processes, u32 bytes);

// files.cpp
Loop create_files(u32 bytes);
Loop delete_files(u32 bytes);

// memory.cpp: an iteration maps and unmaps the file of kMappedBytes.
model::Task<> map_and_store(SystemCalls& calls, Timer& timer, const BenchProcess& self);  // here and there
model::Task<> map_and_read(SystemCalls& calls, Timer& timer, const BenchProcess& self);   // every page
model::Task<> map_only(SystemCalls& calls, Timer& timer, const BenchProcess& self);

}  // namespace lmbench

}  // namespace guest
