#include "model/disk/mechanics.h"

#include <algorithm>

namespace model {

namespace {

std::vector<sim::Duration> seek_table(const std::vector<SeekPoint>& points, std::uint32_t cylinders) {
  std::vector<sim::Duration> table(cylinders);
  std::size_t high = 1;
  for (std::uint32_t distance = 1; distance < cylinders; ++distance) {
    while (points[high].distance < distance && high + 1 < points.size()) ++high;
    const SeekPoint &left = points[high - 1], &right = points[high];
    table[distance] =
        left.time + (right.time - left.time) * (distance - left.distance) / (right.distance - left.distance);
  }
  return table;
}

}  // namespace

std::uint32_t MediumRun::passed_by(sim::Time at) const {
  if (at >= end()) return sectors;
  if (at <= start) return 0;
  auto count = static_cast<std::uint32_t>((at - start) * sectors_per_track / revolution);
  if (count < sectors && passed(count + 1) <= at) ++count;  // passed() is rounded down
  return count;
}

Mechanics::Mechanics(const DriveFile& file)
    : geometry_{file},
      revolution_{file.revolution()},
      head_switch_{file.mechanics.head_switch},
      write_settle_{file.mechanics.write_settle},
      seek_{seek_table(file.mechanics.seek_points, geometry_.cylinders())} {}

MediumRun Mechanics::next_run(sim::Time from, ArmPosition& arm, std::uint64_t sector, std::uint32_t sectors, bool write,
                              sim::Time ready) const {
  const Place place = geometry_.place_of(sector);
  const sim::Time there = std::max(from + seek(arm, place, write), ready);
  arm = {place.cylinder, place.surface};
  return {.sector = sector,
          .sectors = std::min(sectors, place.left_on_track),
          .sectors_per_track = place.sectors_per_track,
          .start = there + wait(there, place),
          .revolution = revolution_};
}

}  // namespace model
