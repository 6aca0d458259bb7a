// lat_syscall and lat_select.
#include "workloads/programs/lmbench/benchmarks.h"

namespace guest::lmbench {

namespace {

// lat_select fills up to this number, and asks about all below it that are its own.
constexpr Descriptor kMostDescriptors = 100;

}  // namespace

model::Task<> null_call(SystemCalls& calls, Timer& timer, const BenchProcess&) {
  while (true) {
    const bool more = co_await timer.again(calls);
    if (!more) co_return;
    co_await calls.parent_id();
  }
}

model::Task<> read_zero(SystemCalls& calls, Timer& timer, const BenchProcess& self) {
  const Descriptor zero = co_await calls.open("/dev/zero");
  while (co_await timer.again(calls)) co_await calls.read(zero, self.buffer(), 1);
}

model::Task<> write_null(SystemCalls& calls, Timer& timer, const BenchProcess& self) {
  const Descriptor null = co_await calls.open("/dev/null");
  while (co_await timer.again(calls)) co_await calls.write(null, self.buffer(), 1);
}

model::Task<> stat_directory(SystemCalls& calls, Timer& timer, const BenchProcess&) {
  const std::string directory = kDirectory;
  while (co_await timer.again(calls)) co_await calls.stat(directory);
}

model::Task<> open_close(SystemCalls& calls, Timer& timer, const BenchProcess&) {
  while (co_await timer.again(calls)) {
    const Descriptor file = co_await calls.open(kMappedPath);
    co_await calls.close(file);
  }
}

model::Task<> select_tcp(SystemCalls& calls, Timer& timer, const BenchProcess&) {
  std::vector<Descriptor> sockets;
  sockets.push_back(co_await calls.local_connection());
  while (sockets.back() + 1 < kMostDescriptors) sockets.push_back(co_await calls.duplicate(sockets.front()));
  while (co_await timer.again(calls)) co_await calls.select(sockets, true);
}

}  // namespace guest::lmbench
