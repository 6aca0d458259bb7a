#include "workloads/programs/file_io.h"

#include <algorithm>
#include <array>

#include "workloads/kernel/system_calls.h"

namespace guest {

namespace {

constexpr std::array kResults{
    ResultInfo{"calls", "1"},        ResultInfo{"failed", "1"},       ResultInfo{"bandwidth", "MB/s"},
    ResultInfo{"call_mean", "ms"},   ResultInfo{"call_median", "ms"}, ResultInfo{"call_p99", "ms"},
    ResultInfo{"call_max", "ms"},    ResultInfo{"syncs", "1"},        ResultInfo{"sync_mean", "ms"},
    ResultInfo{"sync_median", "ms"}, ResultInfo{"sync_p99", "ms"},    ResultInfo{"sync_max", "ms"},
};
constexpr std::array kQuantiles{0.5, 0.99, 1.0};

}  // namespace

std::span<const ResultInfo> file_io_results() { return kResults; }

FileIo::FileIo(const FileIoSettings& settings, std::string stream, sim::Random random)
    : settings_{settings}, path_{'/' + stream}, stream_{std::move(stream)}, random_{random} {}

bool FileIo::wants_more() const {
  if (settings_.count && done_ == *settings_.count) return false;
  return !settings_.duration || last_ - start_ < *settings_.duration;
}

model::Task<> FileIo::run(SystemCalls& calls) {
  const bool only_writes = settings_.operation == FileIoSettings::Operation::write;
  // What is there before, nobody has looked at since the machine was started.
  if (!only_writes || settings_.overwrite) {
    calls.kernel().file_system().install(path_, static_cast<u32>(settings_.file_bytes), nullptr,
                                         FileSystem::Residence::disk);
  }
  started();
  Mapping mapping;
  mapping.bytes = whole_pages(settings_.block_bytes);
  mapping.protection = {.read = true, .write = true, .execute = false};
  const u32 buffer = co_await calls.map(mapping);
  co_await calls.access(model::Sweep{buffer, mapping.bytes, model::Use::write});
  const OpenFlags flags{.create = only_writes, .synchronous = settings_.synchronous};
  const Descriptor file = co_await calls.open(path_, flags);
  if (file < 0) calls.kernel().panic("it cannot open " + path_);

  sim::RandomStream random = random_.stream(stream_);
  const u64 blocks = settings_.file_bytes / settings_.block_bytes;
  const bool sequential = settings_.pattern == FileIoSettings::Pattern::sequential;
  start_ = last_ = calls.machine().running().now();
  while (wants_more()) {
    const bool chance = settings_.operation == FileIoSettings::Operation::mixed && random.chance(1, 2);
    const u64 block = sequential ? done_ % blocks : random.below(blocks);
    const Call call{only_writes || chance, block * settings_.block_bytes};
    co_await transfer(calls, file, buffer, call);
    if (settings_.sync_every > 0 && done_ % settings_.sync_every == 0) co_await sync(calls, file);
  }
  co_await calls.close(file);
  finished_ = true;
}

model::Task<> FileIo::transfer(SystemCalls& calls, Descriptor file, u32 buffer, Call call) {
  const sim::Time begin = calls.machine().running().now();
  std::optional<u32> moved;
  if (call.write) {
    moved = co_await calls.write_at(file, call.offset, buffer, settings_.block_bytes);
  } else {
    moved = co_await calls.read_at(file, call.offset, buffer, settings_.block_bytes);
  }
  last_ = calls.machine().running().now();
  call_nanoseconds_.record(static_cast<u64>((last_ - begin).nanoseconds()));
  ++done_;
  bytes_ += moved.value_or(0);
  if (moved != settings_.block_bytes) ++failed_;
}

model::Task<> FileIo::sync(SystemCalls& calls, Descriptor file) {
  const sim::Time begin = calls.machine().running().now();
  const bool synced = co_await calls.sync(file);
  last_ = calls.machine().running().now();
  sync_nanoseconds_.record(static_cast<u64>((last_ - begin).nanoseconds()));
  if (!synced) ++failed_;
}

std::vector<ProgramResult> FileIo::results() const {
  std::vector<double> values{static_cast<double>(done_), static_cast<double>(failed_)};
  const double seconds = (last_ - start_).to_seconds();
  values.push_back(seconds > 0 ? static_cast<double>(bytes_) / seconds * 1e-6 : 0);
  const auto add = [&](const sim::Histogram& nanoseconds) {
    values.push_back(nanoseconds.mean() * 1e-6);
    for (const double q : kQuantiles) values.push_back(static_cast<double>(nanoseconds.quantile(q)) * 1e-6);
  };
  if (done_ > 0) add(call_nanoseconds_);
  if (sync_nanoseconds_.count() > 0) {
    values.push_back(static_cast<double>(sync_nanoseconds_.count()));
    add(sync_nanoseconds_);
  }
  return results_of(kResults, values);
}

}  // namespace guest
