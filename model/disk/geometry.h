// Where each sector of a drive is: zones, tracks in serpentine order, skews. All in whole sectors.
//
// The tracks of a cylinder follow one another surface by surface; the next cylinder of the zone begins on the surface
// where the one before ended, so that going on costs one short seek and no head switch.
#pragma once

#include <cstdint>
#include <vector>

#include "model/disk/drive_file.h"

namespace model {

struct Place {
  std::uint32_t cylinder = 0;
  std::uint32_t surface = 0;
  std::uint32_t sector = 0;             // of the track, in the order of addresses
  std::uint32_t angle = 0;              // where the sector begins, in sectors of this track from the index mark
  std::uint32_t sectors_per_track = 0;  // a revolution in the unit of `angle`
  std::uint32_t left_on_track = 0;      // sectors with data from this one to the end of its track

  friend bool operator==(const Place&, const Place&) = default;
};

class Geometry {
 public:
  explicit Geometry(const DriveFile& file);

  std::uint64_t sectors() const { return sectors_; }
  std::uint32_t cylinders() const { return zones_.back().zone.last_cylinder + 1; }
  Place place_of(std::uint64_t sector) const;  // sector < sectors()

 private:
  struct ZoneOfSectors {
    Zone zone;
    std::uint64_t first_sector, end_sector;
  };
  const ZoneOfSectors& zone_of(std::uint64_t sector) const;

  std::uint32_t surfaces_;
  std::uint64_t sectors_;
  std::vector<ZoneOfSectors> zones_;
};

}  // namespace model
