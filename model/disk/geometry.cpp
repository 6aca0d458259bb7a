#include "model/disk/geometry.h"

#include <algorithm>

namespace model {

Geometry::Geometry(const DriveFile& file) : surfaces_{file.geometry.surfaces}, sectors_{file.geometry.sectors} {
  std::uint64_t first = 0;
  for (const Zone& zone : file.geometry.zones) {
    const std::uint64_t tracks = std::uint64_t{zone.last_cylinder - zone.first_cylinder + 1} * surfaces_;
    const std::uint64_t end = std::min(first + tracks * zone.sectors_per_track - zone.spares, sectors_);
    zones_.push_back({zone, first, end});
    first = end;
  }
}

const Geometry::ZoneOfSectors& Geometry::zone_of(std::uint64_t sector) const {
  return *std::upper_bound(zones_.begin(), zones_.end(), sector,
                           [](std::uint64_t s, const ZoneOfSectors& zone) { return s < zone.end_sector; });
}

Place Geometry::place_of(std::uint64_t sector) const {
  const ZoneOfSectors& found = zone_of(sector);
  const Zone& zone = found.zone;
  const std::uint32_t per_track = zone.sectors_per_track;
  const auto in_zone = static_cast<std::uint32_t>(sector - found.first_sector);
  const std::uint32_t track = in_zone / per_track;
  const std::uint32_t cylinder = track / surfaces_;  // of the zone
  const std::uint32_t turn = track % surfaces_;      // of the cylinder
  const std::uint32_t on_track = in_zone % per_track;
  const std::uint64_t skew =
      std::uint64_t{track - cylinder} * zone.track_skew + std::uint64_t{cylinder} * zone.cylinder_skew;
  return {.cylinder = zone.first_cylinder + cylinder,
          .surface = cylinder % 2 == 0 ? turn : surfaces_ - 1 - turn,
          .sector = on_track,
          .angle = static_cast<std::uint32_t>((skew + on_track) % per_track),
          .sectors_per_track = per_track,
          .left_on_track =
              static_cast<std::uint32_t>(std::min<std::uint64_t>(per_track - on_track, found.end_sector - sector))};
}

}  // namespace model
