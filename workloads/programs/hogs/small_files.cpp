#include "workloads/programs/hogs/small_files.h"

#include <fmt/format.h>

#include <array>

#include "workloads/kernel/system_calls.h"

namespace guest {

namespace {

constexpr std::array kResults{ResultInfo{"files", "1"}, ResultInfo{"failed", "1"}, ResultInfo{"last", "ms"}};

}  // namespace

std::span<const ResultInfo> small_files_results() { return kResults; }

model::Task<> SmallFiles::run(SystemCalls& calls) {
  started();
  Mapping mapping;
  mapping.bytes = whole_pages(settings_.file_bytes);
  mapping.protection = {.write = true};
  const u32 buffer = co_await calls.map(mapping);
  co_await calls.access(model::Sweep{buffer, mapping.bytes, model::Use::write});
  for (u32 directory = 0;; ++directory) {
    const std::string folder = fmt::format("{}{}", prefix_, directory);
    co_await calls.make_directory(folder);
    for (u32 file = 0; file < settings_.files_per_directory; ++file) {
      const sim::Time begin = calls.machine().running().now();
      const Descriptor made = co_await calls.create(fmt::format("{}/{}", folder, file));
      if (made < 0) {  // the disk is full: from the beginning
        ++failed_;
        break;
      }
      co_await calls.write(made, buffer, settings_.file_bytes);
      co_await calls.close(made);
      ++made_;
      last_milliseconds_ = (calls.machine().running().now() - begin).to_seconds() * 1e3;
    }
  }
}

std::vector<ProgramResult> SmallFiles::results() const {
  return results_of(kResults, std::array{static_cast<double>(made_), static_cast<double>(failed_), last_milliseconds_});
}

}  // namespace guest
