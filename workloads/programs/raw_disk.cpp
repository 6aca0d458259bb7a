#include "workloads/programs/raw_disk.h"

#include <algorithm>
#include <array>

#include "workloads/kernel/system_calls.h"

namespace guest {

namespace {

constexpr sim::Duration kTick = sim::Duration::seconds(1) / kTicksPerSecond;

constexpr std::array kResults{
    ResultInfo{"requests", "1"},        ResultInfo{"failed", "1"},        ResultInfo{"rate", "1/s"},
    ResultInfo{"bandwidth", "MB/s"},    ResultInfo{"latency_mean", "ms"}, ResultInfo{"latency_min", "ms"},
    ResultInfo{"latency_median", "ms"}, ResultInfo{"latency_p90", "ms"},  ResultInfo{"latency_p99", "ms"},
    ResultInfo{"latency_p999", "ms"},   ResultInfo{"latency_max", "ms"},
};
constexpr std::array kQuantiles{0.0, 0.5, 0.9, 0.99, 0.999, 1.0};  // the last six results

// What nanosleep of Linux 2.4 makes of a time: so many ticks to come, and the one that has begun.
u64 ticks_of(sim::Duration time) {
  return static_cast<u64>((time.picoseconds() + kTick.picoseconds() - 1) / kTick.picoseconds()) + 1;
}

}  // namespace

std::span<const ResultInfo> raw_disk_results() { return kResults; }

RawDisk::RawDisk(const RawDiskSettings& settings, const std::string& disk, u64 disk_bytes, std::string stream,
                 sim::Random random)
    : settings_{settings},
      path_{"/dev/raw/" + disk},
      blocks_{disk_bytes / settings.block_bytes},
      stream_{std::move(stream)},
      random_{random},
      largest_{settings.block_bytes} {
  if (settings_.trace.empty()) return;
  recorded_ = load_disk_workload(settings_.trace, settings_.trace_device);
  std::erase_if(recorded_, [](const DiskAccess& access) {
    return access.operation != DiskAccess::Operation::read && access.operation != DiskAccess::Operation::write;
  });
  for (const DiskAccess& access : recorded_) largest_ = std::max(largest_, access.bytes);
  if (largest_ > kMostBytes) {
    throw DiskWorkloadError{settings_.trace + ": a request of " + std::to_string(largest_) + " bytes: at most " +
                            std::to_string(kMostBytes) + " can be replayed"};
  }
}

u64 RawDisk::resident_pages() const {
  constexpr u64 kProcessPages = 16;  // stacks, directory and page tables
  return settings_.depth * (largest_ / hv::kPageSize + 1 + kProcessPages);
}

model::Task<> RawDisk::run(SystemCalls& calls) {
  started();
  start_ = last_ = calls.machine().running().now();
  std::vector<ProcessId> workers;
  for (u32 worker = 1; worker < settings_.depth; ++worker) {
    UserCode code = [this, worker](SystemCalls& of_child) { return work(of_child, worker); };
    workers.push_back(co_await calls.fork(std::move(code)));
  }
  co_await work(calls, 0);
  for (const ProcessId worker : workers) co_await calls.wait(worker);
  finished_ = true;
}

model::Task<> RawDisk::work(SystemCalls& calls, u32 worker) {
  sim::RandomStream random = random_.stream(stream_ + '.' + std::to_string(worker));
  Mapping mapping;
  mapping.bytes = whole_pages(static_cast<u32>(largest_));
  mapping.protection = {.read = true, .write = true, .execute = false};
  const u32 buffer = co_await calls.map(mapping);
  co_await calls.access(model::Sweep{buffer, mapping.bytes, model::Use::write});
  const Descriptor disk = co_await calls.open(path_);
  if (disk < 0) calls.kernel().panic("there is no disk " + path_);

  while (const std::optional<Request> request = next(random)) {
    if (request->not_before > sim::Duration{}) co_await wait_until(calls, *start_ + request->not_before);
    const sim::Time begin = calls.machine().running().now();
    if (settings_.duration && begin - *start_ >= *settings_.duration) break;
    std::optional<u32> done;
    if (request->write) {
      done = co_await calls.write_at(disk, request->offset, buffer, request->bytes);
    } else {
      done = co_await calls.read_at(disk, request->offset, buffer, request->bytes);
    }
    last_ = std::max(last_, calls.machine().running().now());
    nanoseconds_.record(static_cast<u64>((last_ - begin).nanoseconds()));
    bytes_ += done.value_or(0);
    if (done != request->bytes) ++failed_;
    if (settings_.think > sim::Duration{}) co_await calls.sleep(ticks_of(settings_.think));
  }
  co_await calls.close(disk);
}

std::optional<RawDisk::Request> RawDisk::next(sim::RandomStream& random) {
  if (settings_.count && begun_ == *settings_.count) return std::nullopt;
  if (!settings_.trace.empty()) return next_recorded();
  ++begun_;
  const bool chance = settings_.operation == RawDiskSettings::Operation::mixed && random.chance(1, 2);
  const bool write = chance || settings_.operation == RawDiskSettings::Operation::write;
  const bool sequential = settings_.pattern == RawDiskSettings::Pattern::sequential;
  const u64 block = sequential ? next_block_++ % blocks_ : random.below(blocks_);
  return Request{write, block * settings_.block_bytes, settings_.block_bytes, {}};
}

std::optional<RawDisk::Request> RawDisk::next_recorded() {
  if (begun_ == recorded_.size()) return std::nullopt;
  const DiskAccess& access = recorded_[begun_++];
  return Request{access.operation == DiskAccess::Operation::write, access.offset, static_cast<u32>(access.bytes),
                 access.at};
}

// Sleeps while ticks are good enough, and spins for the rest, as fio does.
model::Task<> RawDisk::wait_until(SystemCalls& calls, sim::Time time) {
  for (sim::Time now = calls.machine().running().now(); now < time; now = calls.machine().running().now()) {
    const sim::Duration left = time - now;
    if (left >= kTick * 2) {
      co_await calls.sleep(static_cast<u64>(left.picoseconds() / kTick.picoseconds()) - 1);
    } else {
      co_await calls.compute(calls.machine().clock().cycles_in(left) + sim::Cycles{1});
    }
  }
}

std::vector<ProgramResult> RawDisk::results() const {
  const u64 done = nanoseconds_.count();
  std::vector<double> values{static_cast<double>(done), static_cast<double>(failed_)};
  if (done > 0) {
    const double seconds = (last_ - *start_).to_seconds();
    values.push_back(static_cast<double>(done) / seconds);
    values.push_back(static_cast<double>(bytes_) / seconds * 1e-6);
    values.push_back(nanoseconds_.mean() * 1e-6);
    for (const double q : kQuantiles) values.push_back(static_cast<double>(nanoseconds_.quantile(q)) * 1e-6);
  }
  return results_of(kResults, values);
}

}  // namespace guest
