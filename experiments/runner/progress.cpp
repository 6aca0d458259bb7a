#include "experiments/runner/progress.h"

#include <fmt/format.h>

namespace runner {

void Progress::show(std::size_t done, std::size_t failed, std::size_t before) {
  if (!wanted_) return;
  const Clock::time_point now = Clock::now();
  if (done != total_ && now - shown_ < std::chrono::milliseconds(100)) return;
  shown_ = now;
  const double seconds = std::chrono::duration<double>(now - start_).count();
  const double rate = static_cast<double>(done - before) / seconds;
  fmt::print(stderr, "\r{}{} of {} {}{}, {:.3g} {}/s, {} left   ", title_, done, total_, what_,
             failed == 0 ? "" : fmt::format(", {} failed", failed), rate, what_,
             duration_text(static_cast<double>(total_ - done) / rate));
  if (done == total_) fmt::print(stderr, "\n");
}

std::string duration_text(double seconds) {
  if (!(seconds < 1e9)) return "unknown";
  if (seconds < 120) return fmt::format("{:.{}f} s", seconds, seconds < 9.95 ? 1 : 0);
  if (seconds < 7200) return fmt::format("{:.0f} min", seconds / 60);
  return fmt::format("{:.1f} h", seconds / 3600);
}

}  // namespace runner
