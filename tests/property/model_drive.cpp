// Random streams of commands on the drive, judged by what its observer saw at the medium.
#include <doctest/doctest.h>

#include <map>
#include <vector>

#include "model/disk/drive.h"
#include "sim/random.h"

using hw::BlockOperation, hw::BlockTag;
using model::Drive, model::DriveCommand, model::DriveFile, model::MediumRun;
using sim::Duration, sim::Time;

namespace {

struct Seen {
  DriveCommand command;
  Time submitted, completed;
  bool done = false, failed = false;
};

// Keeps some commands with the drive, and everything that happened.
class Stream final : private model::DriveHost, private model::MediumObserver {
 public:
  Stream(const DriveFile& file, std::uint64_t seed, std::vector<std::uint64_t> bad = {})
      : drive{file, std::move(bad), queue, *this}, random_{sim::Random{seed}.stream("commands")} {
    drive.set_observer(this);
  }

  void submit(DriveCommand command) {
    command.id = static_cast<std::uint32_t>(commands.size());
    commands.push_back({.command = command, .submitted = queue.now(), .completed = {}});
    REQUIRE(drive.submit(command));
  }
  // Over few sectors, so that they meet.
  DriveCommand random_command() {
    DriveCommand command;
    const std::uint64_t kind = random_.below(20);
    command.operation = kind == 0 ? BlockOperation::flush : kind < 9 ? BlockOperation::read : BlockOperation::write;
    command.tag = random_.below(10) == 0 ? BlockTag::ordered : BlockTag::simple;
    command.force_unit_access = command.operation == BlockOperation::write && random_.below(8) == 0;
    if (command.operation != BlockOperation::flush) {
      command.sector = random_.below(2'000) + random_.below(3) * 5'000'000;
      command.sectors = static_cast<std::uint32_t>(random_.below(200)) + 1;
    }
    return command;
  }
  void run(std::uint32_t total) {
    total_ = total;
    for (int i = 0; i < 20; ++i) submit(random_command());
    while (queue.run_next()) continue;
  }

  sim::EventQueue queue;
  Drive drive;
  std::vector<Seen> commands;
  std::map<std::uint32_t, std::vector<MediumRun>> written;  // by command
  std::map<std::uint32_t, Time> first_access;

 private:
  void drive_completed(std::uint32_t id, bool failed) override {
    Seen& seen = commands[id];
    REQUIRE_FALSE(seen.done);
    seen.done = true;
    seen.failed = failed;
    seen.completed = queue.now();
    if (commands.size() < total_) submit(random_command());
  }
  void medium_run(const MediumRun& run, std::uint32_t command, bool write) override {
    if (write) written[command].push_back(run);
    first_access.try_emplace(command, run.start);
  }

  sim::RandomStream random_;
  std::uint32_t total_ = 0;
};

DriveFile drive_file(bool write_cache, double policy) {
  DriveFile file = DriveFile::load(std::string{RINGZERO_SOURCE_DIR} + "/model/drives/atlas10k.json");
  file.set("buffer.write_cache", write_cache);
  file.set("queue.policy", policy);
  return file;
}

// Whether, after a power cut at `at`, each of these sectors holds this command's data or those of a later one.
bool on_medium(const Stream& stream, const Seen& seen, Time at) {
  for (std::uint64_t s = seen.command.sector; s < seen.command.sector + seen.command.sectors; ++s) {
    bool found = false;
    for (const auto& [id, runs] : stream.written) {
      if (stream.commands[id].completed < seen.submitted) continue;
      for (const MediumRun& run : runs) {
        if (s < run.sector || s >= run.sector + run.sectors) continue;
        found = found || run.passed(static_cast<std::uint32_t>(s - run.sector) + 1) <= at;
      }
    }
    if (!found) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("whatever is given completes once; ordered commands are passed by nobody and pass nobody") {
  for (const bool write_cache : {false, true}) {
    for (double policy = 0; policy < 4; ++policy) {
      CAPTURE(write_cache);
      CAPTURE(policy);
      Stream stream{drive_file(write_cache, policy), 1};
      stream.run(3'000);
      CHECK(stream.commands.size() >= 3'000);
      std::size_t unfinished = 0, passed = 0;
      Time all_before, ordered_before;
      for (const Seen& seen : stream.commands) {
        unfinished += !seen.done;
        if (seen.completed < ordered_before) ++passed;
        if (seen.command.tag == BlockTag::ordered) {
          if (seen.completed < all_before) ++passed;
          ordered_before = seen.completed;
        }
        all_before = std::max(all_before, seen.completed);
      }
      CHECK(unfinished == 0);
      CHECK(passed == 0);
      CHECK(stream.drive.counts().failed == 0);
    }
  }
}

TEST_CASE("the power is cut: what a flush or forced unit access promised is on the medium, whatever was cached") {
  for (const bool write_cache : {false, true}) {
    Stream stream{drive_file(write_cache, 2), 2};
    stream.run(1'500);
    std::size_t promised = 0, lost = 0, cached = 0;
    for (const Seen& flush : stream.commands) {
      if (flush.command.operation != BlockOperation::flush) continue;
      for (const Seen& write : stream.commands) {
        if (write.command.operation != BlockOperation::write || write.completed > flush.submitted) continue;
        if (flush.submitted - write.completed > Duration::milliseconds(300)) continue;
        ++promised;
        lost += !on_medium(stream, write, flush.completed);
      }
    }
    for (const Seen& write : stream.commands) {
      if (write.command.operation != BlockOperation::write) continue;
      if (write.command.force_unit_access || !write_cache) {
        ++promised;
        lost += !on_medium(stream, write, write.completed);
      } else {
        cached += !on_medium(stream, write, write.completed);
      }
    }
    CHECK(promised > 100);
    CHECK(lost == 0);
    CHECK((cached > 0) == write_cache);
  }
}

TEST_CASE("a bad sector fails the reads that meet it, late, and until it is written") {
  const DriveFile file = drive_file(false, 0);
  Stream stream{file, 3, {1'000}};
  const auto read = [&](std::uint64_t sector) {
    stream.submit({.sector = sector, .sectors = 8});
    while (!stream.commands.back().done) stream.queue.run_next();
    return stream.commands.back();
  };
  CHECK_FALSE(read(992).failed);
  const Seen bad = read(996);
  CHECK(bad.failed);
  CHECK(bad.completed - bad.submitted >= file.revolution() * file.recovery.revolutions);
  stream.submit({.operation = BlockOperation::write, .sector = 1'000, .sectors = 1});
  while (stream.queue.run_next()) continue;
  CHECK_FALSE(read(996).failed);
}

TEST_CASE("a reader in order gets what the medium gives: it never waits for a revolution that it did not need") {
  const DriveFile file = drive_file(false, 0);
  Stream stream{file, 4};
  constexpr std::uint32_t kReads = 500;
  for (std::uint32_t i = 0; i < kReads; ++i) {
    stream.submit({.sector = i * 128, .sectors = 128});
    while (!stream.commands.back().done) stream.queue.run_next();
  }
  const model::Zone& zone = file.geometry.zones.front();
  const double per_cylinder = 6 + double(5 * zone.track_skew + zone.cylinder_skew) / zone.sectors_per_track;
  const double medium = kReads * 128.0 / (6 * zone.sectors_per_track) * per_cylinder * file.revolution().to_seconds();
  CHECK(stream.queue.now().since_start().to_seconds() == doctest::Approx(medium).epsilon(0.03));
}
