// lat_sig.
#include "workloads/programs/lmbench/benchmarks.h"

namespace guest::lmbench {

namespace {

model::Task<> count(SystemCalls& calls, const BenchProcess& self) {
  co_await calls.access({.first = self.buffer(), .bytes = sizeof(u32), .use = model::Use::write});
}

UserCode counter(const BenchProcess& self) {
  return [&self](SystemCalls& calls) { return count(calls, self); };
}

// The store that faulted is made again after every return, and ends when the page lets it.
model::Task<> refault(SystemCalls& calls, Timer& timer, u32 page) {
  const bool more = co_await timer.again(calls);
  if (!more) co_await calls.protect(page, hv::kPageSize, {.write = true});
}

}  // namespace

model::Task<> install_handler(SystemCalls& calls, Timer& timer, const BenchProcess& self) {
  const UserCode handler = counter(self);
  while (co_await timer.again(calls)) co_await calls.signal_action(Signal::user1, handler);
}

model::Task<> catch_signal(SystemCalls& calls, Timer& timer, const BenchProcess& self) {
  const ProcessId own = calls.process().id;
  co_await calls.signal_action(Signal::user1, counter(self));
  while (co_await timer.again(calls)) co_await calls.kill(own, Signal::user1);
}

model::Task<> send_nothing(SystemCalls& calls, Timer& timer, const BenchProcess&) {
  const ProcessId own = calls.process().id;
  while (co_await timer.again(calls)) co_await calls.kill(own, std::nullopt);
}

model::Task<> protection_fault(SystemCalls& calls, Timer& timer, const BenchProcess&) {
  const Descriptor file = co_await calls.open(kMappedPath);
  const u32 page = co_await calls.map({.bytes = hv::kPageSize, .file = file, .shared = true});
  co_await calls.signal_action(Signal::segmentation,
                               [&timer, page](SystemCalls& in) { return refault(in, timer, page); });
  co_await calls.access({.first = page, .bytes = sizeof(u32), .use = model::Use::write});
}

}  // namespace guest::lmbench
