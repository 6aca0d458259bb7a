// A disk drive as data: model/drives/NAME.json for the single values, NAME_zones.csv and NAME_seek.csv beside it for
// the two tables. The same mechanism as a machine's file: each value with unit, origin, source and certainty.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/parameter_file.h"
#include "sim/time.h"

namespace model {

// Cylinders whose tracks hold equally many sectors. Skews say by how many sectors the first sector of a track lies
// behind that of the track before it, so that the head is there in time.
struct Zone {
  std::uint32_t first_cylinder = 0, last_cylinder = 0;
  std::uint32_t sectors_per_track = 0;
  std::uint32_t track_skew = 0;     // to the next surface of the cylinder
  std::uint32_t cylinder_skew = 0;  // to the next cylinder
  std::uint32_t spares = 0;         // at the end of the zone, without data
};

struct SeekPoint {
  std::uint32_t distance = 0;  // cylinders
  sim::Duration time;          // of a read
};

// In which order a drive takes the commands that it may reorder.
enum class SeekPolicy : std::uint8_t {
  fcfs,
  c_look,  // ascending addresses, then back to the lowest
  sstf,    // shortest seek
  sptf,    // shortest positioning: seek and rotation
};
inline constexpr std::uint32_t kSeekPolicies = 4;

struct DriveFile : ParameterTable {
  // Throw ParameterError.
  static DriveFile load(const std::string& path);  // of the JSON file
  static DriveFile parse(const ParameterText& values, const ParameterText& zones, const ParameterText& seeks);

  void set(std::string_view key, double value);  // overrides one value, in the unit of its entry

  sim::Duration revolution() const { return sim::Duration::seconds(60) / mechanics.rotation; }
  sim::Duration bus_time(std::uint64_t sectors) const;  // to transfer so many sectors
  SeekPolicy policy() const { return static_cast<SeekPolicy>(queue.policy); }

  struct {
    std::uint32_t surfaces = 0;
    std::uint64_t sectors = 0;
    std::vector<Zone> zones;
  } geometry;

  struct {
    std::uint32_t rotation = 0;  // rpm
    sim::Duration head_switch;
    sim::Duration write_settle;          // more than a read needs, after every seek or head switch
    std::vector<SeekPoint> seek_points;  // distances ascend from 1; straight lines between and beyond
  } mechanics;

  // From a command's arrival until its mechanical work or its transfer may start.
  struct {
    sim::Duration read_hit, read_miss, write_cached, write_through;
  } overhead;

  struct {
    std::uint32_t segments = 0;
    std::uint32_t segment_sectors = 0;
    std::uint32_t read_ahead = 0;  // sectors past the end of a request
    std::uint32_t read_cache = 0, write_cache = 0;
    std::uint32_t write_sectors = 0;  // that may be dirty at one time
  } buffer;

  struct {
    std::uint32_t depth = 0;
    std::uint32_t policy = 0;  // a SeekPolicy
  } queue;

  struct {
    std::uint64_t rate = 0;  // B/s
  } bus;

  struct {
    std::uint32_t revolutions = 0;  // spent on a sector before it is given up as unreadable
  } recovery;

  // Of the machine on which a recorded workload was measured: how long a sector takes to the host. Zero: as the bus.
  struct {
    sim::Duration sector;
  } host_path;

 private:
  void check(const std::string& file) const;
};

}  // namespace model
