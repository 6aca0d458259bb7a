#include "workloads/programs/balloon.h"

#include <array>

#include "workloads/kernel/system_calls.h"

namespace guest {

namespace {

constexpr std::array kResults{ResultInfo{"before", "MB"}, ResultInfo{"least", "MB"}, ResultInfo{"after", "MB"},
                              ResultInfo{"duration", "s"}};

u64 ticks_of(sim::Duration duration) { return static_cast<u64>(duration.nanoseconds() / kTickNanoseconds); }

}  // namespace

std::span<const ResultInfo> balloon_results() { return kResults; }

model::Task<> BalloonProgram::run(SystemCalls& calls) {
  started();
  Kernel& kernel = calls.kernel();
  Balloon* const balloon = kernel.port().balloon();
  if (balloon == nullptr) kernel.panic("a balloon needs a hypervisor that takes memory");
  co_await calls.sleep(ticks_of(settings_.start));
  const auto bytes = [&] { return u64{kernel.port().memory_pages() - balloon->pages()} * hv::kPageSize; };
  before_ = bytes();
  const u64 target = settings_.target_bytes;
  const sim::Time begin = calls.machine().running().now();
  kernel.enter_system_call();  // of writing the target to the driver's file in /proc
  if (before_ > target) co_await balloon->give_back(static_cast<u32>((before_ - target) / hv::kPageSize));
  co_await kernel.leave_system_call();
  seconds_ = (calls.machine().running().now() - begin).to_seconds();
  least_ = bytes();
  co_await calls.sleep(ticks_of(settings_.hold));
  kernel.enter_system_call();
  co_await balloon->take(balloon->pages());
  co_await kernel.leave_system_call();
  after_ = bytes();
  finished_ = true;
}

std::vector<ProgramResult> BalloonProgram::results() const {
  const auto megabytes = [](u64 bytes) { return static_cast<double>(bytes) / (1 << 20); };
  return results_of(kResults, std::array{megabytes(before_), megabytes(least_), megabytes(after_), seconds_});
}

}  // namespace guest
