#include "workloads/programs/hogs/fork_bomb.h"

#include <array>

#include "workloads/kernel/system_calls.h"
#include "workloads/programs/loader.h"

namespace guest {

namespace {

constexpr std::array kResults{ResultInfo{"forks", "1"}, ResultInfo{"refused", "1"}};

// Where a program has memory: its image, its libraries, its stack. Each needs a page table of its own.
constexpr u32 kStackTop = kUserStackTop - hv::kPageSize;

constexpr u32 kLineBytes = 64;
// Around a call: the loop, the stub of the C library.
constexpr sim::Cycles kLoopWork{60};

}  // namespace

std::span<const ResultInfo> fork_bomb_results() { return kResults; }

model::Task<> ForkBomb::run(SystemCalls& calls) {
  started();
  const std::array starts{kProgramStart, kLoaderStart, kStackTop - settings_.pages * hv::kPageSize};
  for (const u32 start : starts) {
    Mapping mapping;
    mapping.address = start;
    mapping.bytes = settings_.pages * hv::kPageSize;
    mapping.protection = {.write = true};
    const u32 at = co_await calls.map(mapping);
    for (u32 page = 0; at != 0 && page < settings_.pages; ++page) {
      co_await calls.access(model::Sweep{at + page * hv::kPageSize, kLineBytes, model::Use::write});
    }
  }
  co_await fork_for_ever(calls, false);
}

// Parent and child write their stacks when fork returns, which are theirs alone only then.
model::Task<> ForkBomb::fork_for_ever(SystemCalls& calls, bool child) {
  const model::Sweep stack{kStackTop - kLineBytes, kLineBytes, model::Use::write};
  const UserCode same = [this](SystemCalls& of_child) { return fork_for_ever(of_child, true); };
  if (child) co_await calls.access(stack, kLoopWork);
  while (true) {
    const ProcessId id = co_await calls.fork(same);
    ++(id == 0 ? refused_ : forks_);
    co_await calls.access(stack, kLoopWork);
  }
}

std::vector<ProgramResult> ForkBomb::results() const {
  return results_of(kResults, std::array{static_cast<double>(forks_), static_cast<double>(refused_)});
}

}  // namespace guest
