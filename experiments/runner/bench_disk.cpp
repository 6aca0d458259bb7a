#include <algorithm>
#include <string>

#include "experiments/runner/bench.h"
#include "experiments/runner/known_names.h"
#include "experiments/runner/stopwatch.h"
#include "model/disk/drive.h"
#include "sim/event_queue.h"
#include "sim/random.h"

namespace runner {

namespace {

constexpr std::uint32_t kRequests = 500'000;
constexpr std::uint32_t kSectors = 8;

// Uniform 4 KiB reads; each completion brings the next.
class RandomReads final : private model::DriveHost {
 public:
  explicit RandomReads(const model::DriveFile& file) : drive_{file, {}, queue_, *this} {}

  void run(std::uint32_t outstanding) {
    for (std::uint32_t id = 0; id < outstanding; ++id) submit(id);
    while (completed_ < kRequests) queue_.run_next();
  }

 private:
  void submit(std::uint32_t id) {
    drive_.submit({.id = id, .sector = stream_.below(drive_.sectors() / kSectors) * kSectors, .sectors = kSectors});
  }
  void drive_completed(std::uint32_t id, bool) override {
    ++completed_;
    submit(id);
  }

  sim::RandomStream stream_ = sim::Random{1}.stream("disk");
  sim::EventQueue queue_;
  model::Drive drive_;
  std::uint32_t completed_ = 0;
};

Benchmark bench(const std::string& name, model::SeekPolicy policy, std::uint32_t outstanding) {
  model::DriveFile file = model::DriveFile::load(drive_path("atlas10k").string());
  file.set("buffer.read_cache", 0);
  file.set("buffer.write_cache", 0);
  file.set("queue.policy", static_cast<double>(policy));
  double best = 1e9;
  for (int repetition = 0; repetition < 3; ++repetition) {
    RandomReads reads{file};
    const Stopwatch stopwatch;
    reads.run(outstanding);
    best = std::min(best, stopwatch.seconds());
  }
  return {
      name, kRequests / best / 1e6, "M/s", 0.6, true, "DiskSim 4.0 handles about 0.03 M/s on this class of machine"};
}

}  // namespace

std::vector<Benchmark> bench_disk() {
  return {bench("disk requests, one outstanding, first come first served", model::SeekPolicy::fcfs, 1),
          bench("disk requests, 64 outstanding, shortest positioning first", model::SeekPolicy::sptf, 64)};
}

}  // namespace runner
