#include "workloads/programs/hogs/dd.h"

#include <array>

#include "workloads/kernel/system_calls.h"

namespace guest {

namespace {

constexpr std::array kResults{ResultInfo{"written", "B"}, ResultInfo{"rate", "MB/s"}};

}  // namespace

std::span<const ResultInfo> dd_results() { return kResults; }

model::Task<> Dd::run(SystemCalls& calls) {
  started();
  Mapping mapping;
  mapping.bytes = whole_pages(settings_.block_bytes);
  mapping.protection = {.write = true};
  const u32 buffer = co_await calls.map(mapping);
  co_await calls.access(model::Sweep{buffer, mapping.bytes, model::Use::write});
  start_ = last_ = calls.machine().running().now();
  while (true) {
    const Descriptor file = co_await calls.create(path_);
    if (file < 0) calls.kernel().panic("dd cannot create " + path_);
    u32 written = settings_.block_bytes;
    for (u64 done = 0; done < settings_.file_bytes && written == settings_.block_bytes; done += written) {
      written = co_await calls.write(file, buffer, settings_.block_bytes);
      bytes_ += written;
      last_ = calls.machine().running().now();
    }
    co_await calls.close(file);
  }
}

std::vector<ProgramResult> Dd::results() const {
  const double seconds = (last_ - start_).to_seconds();
  const double bytes = static_cast<double>(bytes_);
  return results_of(kResults, std::array{bytes, seconds > 0 ? bytes / seconds * 1e-6 : 0});
}

}  // namespace guest
