// A real drive: 10 000 requests measured on a Quantum Atlas 10K, one at a time.
#include <doctest/doctest.h>

#include <numeric>

#include "experiments/runner/disk_replay.h"

namespace {

const std::string kRoot = RINGZERO_SOURCE_DIR;

struct Replayed {
  model::DriveFile drive = model::DriveFile::load(kRoot + "/model/drives/atlas10k.json");
  runner::DiskRecording recording =
      runner::load_disk_recording(kRoot + "/tests/oracle/disk/atlas10k_measured.csv", drive);
  std::vector<sim::Duration> responses = runner::replay(drive, recording.requests);
};

}  // namespace

TEST_CASE("random reads, where no cache helps: the distribution within 3 % of the drive's") {
  const Replayed replayed;
  const auto far = runner::far_reads(replayed.recording.requests);
  CHECK(far.size() == 3168);
  const auto result = runner::compare(replayed.recording, replayed.responses, far);
  CHECK(result.measured_ms == doctest::Approx(9.168).epsilon(0.0005));
  CHECK(result.mean_ms == doctest::Approx(result.measured_ms).epsilon(0.01));
  CHECK(result.demerit_percent <= 3);
}

TEST_CASE("all requests, with caches: the distribution within 10 % of the drive's") {
  const Replayed replayed;
  std::vector<std::size_t> all(replayed.recording.requests.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  const auto result = runner::compare(replayed.recording, replayed.responses, all);
  CHECK(result.measured_ms == doctest::Approx(3.893).epsilon(0.0005));
  CHECK(result.demerit_percent <= 10);
}
