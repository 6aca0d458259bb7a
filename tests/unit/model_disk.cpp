// The drive's parts, one by one: where sectors are, what moving there costs, what the buffer and the write cache keep.
#include <doctest/doctest.h>

#include <vector>

#include "model/disk/mechanics.h"
#include "model/disk/write_cache.h"

using model::ArmPosition, model::DriveFile, model::Geometry, model::Mechanics, model::MediumRun, model::ParameterError,
    model::Place, model::WriteCache;
using sim::Duration, sim::Time;

namespace {

DriveFile atlas() { return DriveFile::load(std::string{RINGZERO_SOURCE_DIR} + "/model/drives/atlas10k.json"); }
DriveFile ultrastar() {
  return DriveFile::load(std::string{RINGZERO_SOURCE_DIR} + "/model/drives/ultrastar146z10.json");
}

}  // namespace

TEST_CASE("every sector of the drive has a place of its own") {
  const DriveFile file = atlas();
  const Geometry geometry{file};
  std::vector<bool> taken(std::size_t{geometry.cylinders()} * file.geometry.surfaces * 334);
  std::uint64_t shared = 0;
  for (std::uint64_t sector = 0; sector < geometry.sectors(); ++sector) {
    const Place place = geometry.place_of(sector);
    const std::size_t index =
        (std::size_t{place.cylinder} * file.geometry.surfaces + place.surface) * 334 + place.angle;
    shared += taken[index];
    taken[index] = true;
  }
  CHECK(shared == 0);
}

TEST_CASE("tracks follow one another surface by surface, and the next cylinder begins where the last one ended") {
  const Geometry geometry{atlas()};
  CHECK(geometry.place_of(0) == Place{0, 0, 0, 0, 334, 334});
  CHECK(geometry.place_of(334) == Place{0, 1, 0, 63, 334, 334});
  CHECK(geometry.place_of(334 * 6 - 1) == Place{0, 5, 333, (5 * 63 + 333) % 334, 334, 1});
  CHECK(geometry.place_of(334 * 6) == Place{1, 5, 0, (5 * 63 + 113) % 334, 334, 334});
  CHECK(geometry.place_of(334 * 12 - 1).surface == 0);
}

TEST_CASE("a zone's spares hold no data: its last track is shorter") {
  const Geometry geometry{atlas()};
  const std::uint64_t second_zone = 433ull * 6 * 334 - 89;
  CHECK(geometry.place_of(second_zone - 1).left_on_track == 1);
  CHECK(geometry.place_of(second_zone - 1).sector == 334 - 89 - 1);
  CHECK(geometry.place_of(second_zone).cylinder == 433);
  CHECK(geometry.place_of(second_zone).angle == 0);
}

TEST_CASE("seek times are those of the curve, with straight lines between its points and beyond") {
  const Mechanics mechanics{atlas()};
  const auto read = [&](std::uint32_t cylinder) { return mechanics.seek({0, 0}, {.cylinder = cylinder}, false); };
  CHECK(read(0) == Duration{});
  CHECK(read(1) == Duration::microseconds(1245));
  CHECK(read(11) == Duration::microseconds(1523));  // between 1531 at 10 and 1515 at 12
  CHECK(read(10'021) == Duration::microseconds(10'828));
  CHECK(read(10'041) > Duration::microseconds(10'828));
  CHECK(mechanics.seek({0, 0}, {.cylinder = 1}, true) == Duration::microseconds(1245 + 487));
}

TEST_CASE("another head of the same cylinder costs a head switch, a write's settling on top; the same track nothing") {
  const Mechanics mechanics{atlas()};
  CHECK(mechanics.seek({5, 0}, {.cylinder = 5, .surface = 3}, false) == Duration::microseconds(176));
  CHECK(mechanics.seek({5, 0}, {.cylinder = 5, .surface = 3}, true) == Duration::microseconds(176 + 487));
  CHECK(mechanics.seek({5, 3}, {.cylinder = 5, .surface = 3}, true) == Duration{});
}

TEST_CASE("a sector passes once a revolution; just missed, it is a whole one away") {
  const Mechanics mechanics{atlas()};
  const Place place{.angle = 100, .sectors_per_track = 334};
  const Time passes = Time{} + mechanics.wait(Time{}, place);
  CHECK(mechanics.wait(passes, place) == Duration{});
  CHECK(mechanics.wait(passes + Duration::picoseconds(1), place) == mechanics.revolution() - Duration::picoseconds(1));
  CHECK(mechanics.wait(passes + mechanics.revolution() * 1'000'000, place) == Duration{});
}

TEST_CASE("the mean rotational latency over all angles is half a revolution") {
  const Mechanics mechanics{atlas()};
  Duration sum;
  for (std::uint32_t angle = 0; angle < 334; ++angle) {
    sum = sum + mechanics.wait(Time{} + Duration::picoseconds(1), {.angle = angle, .sectors_per_track = 334});
  }
  CHECK((sum / 334).to_seconds() == doctest::Approx(mechanics.revolution().to_seconds() / 2).epsilon(0.004));
}

TEST_CASE("read in order, a zone gives its sectors per revolution, less the skews") {
  for (const DriveFile& file : {atlas(), ultrastar()}) {
    const Mechanics mechanics{file};
    const model::Zone& zone = file.geometry.zones.front();
    const std::uint32_t surfaces = file.geometry.surfaces;
    constexpr std::uint32_t kCylinders = 40;
    ArmPosition arm;
    Time at;
    for (std::uint32_t track = 0; track < kCylinders * surfaces; ++track) {
      at = mechanics.next_run(at, arm, std::uint64_t{track} * zone.sectors_per_track, zone.sectors_per_track, false)
               .end();
    }
    const double revolutions =
        surfaces + double((surfaces - 1) * zone.track_skew + zone.cylinder_skew) / zone.sectors_per_track;
    CHECK(at.since_start().to_seconds() ==
          doctest::Approx(kCylinders * revolutions * mechanics.revolution().to_seconds()).epsilon(0.001));
  }
}

TEST_CASE("how many sectors of a run have passed agrees with when each has") {
  const MediumRun run{0, 20, 334, Time::at(Duration::microseconds(7)), atlas().revolution()};
  for (std::uint32_t n = 0; n <= 20; ++n) {
    CHECK(run.passed_by(run.passed(n)) == n);
    if (n > 0) CHECK(run.passed_by(run.passed(n) - Duration::picoseconds(1)) == n - 1);
  }
}

TEST_CASE("the write cache: newer data replace older ones, and a flush of the older waits for the newer") {
  WriteCache cache{100};
  REQUIRE(cache.reserve(10));
  cache.insert(0, 10, 1);
  const WriteCache::Stamp flush = cache.now();
  REQUIRE(cache.reserve(4));
  cache.insert(3, 4, 2);  // in the middle: 0-2, 3-6, 7-9
  CHECK(cache.holds(0, 10));
  CHECK_FALSE(cache.holds(0, 11));
  const auto& leaving = cache.leave([](const WriteCache::Extent& extent) { return extent.sector; });
  REQUIRE(leaving.size() == 3);
  CHECK(leaving[1].command == 2);
  CHECK(leaving[1].stamp <= flush);
  CHECK_FALSE(cache.written(flush));
  cache.left();
  CHECK(cache.written(flush));
  CHECK(cache.holds(0, 10));  // still remembered
  CHECK(cache.reserve(95));   // until the room is needed
  CHECK_FALSE(cache.holds(0, 10));
}

TEST_CASE("a drive file that cannot be is refused, with the place") {
  const auto complaint = [](const char* key, double value) -> std::string {
    DriveFile file = atlas();
    try {
      file.set(key, value);
    } catch (const ParameterError& error) {
      return error.path();
    }
    return "";
  };
  CHECK(complaint("geometry.sectors", 17'938'986) == "");
  CHECK(complaint("geometry.sectors", 18'000'000) == "geometry.sectors");  // more than the zones hold
  CHECK(complaint("queue.policy", 4) == "queue.policy");
  CHECK(complaint("queue.depth", 0) == "queue.depth");
  CHECK(complaint("bus.rat", 1) == "bus.rat");
}
