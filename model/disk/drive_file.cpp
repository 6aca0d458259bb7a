#include "model/disk/drive_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "hardware/block_device.h"

namespace model {

namespace {

ParameterFields fields_of(DriveFile& file) {
  ParameterFields fields;
  const auto add = [&](std::string key, const char* unit, auto& field, bool required = true) {
    fields.push_back({std::move(key), unit, &field, required});
  };
  add("geometry.surfaces", "surfaces", file.geometry.surfaces);
  add("geometry.sectors", "sectors", file.geometry.sectors);
  add("mechanics.rotation", "rpm", file.mechanics.rotation);
  add("mechanics.head_switch", "us", file.mechanics.head_switch);
  add("mechanics.write_settle", "us", file.mechanics.write_settle);
  add("overhead.read_hit", "us", file.overhead.read_hit);
  add("overhead.read_miss", "us", file.overhead.read_miss);
  add("overhead.write_cached", "us", file.overhead.write_cached);
  add("overhead.write_through", "us", file.overhead.write_through);
  add("buffer.segments", "segments", file.buffer.segments);
  add("buffer.segment_sectors", "sectors", file.buffer.segment_sectors);
  add("buffer.read_ahead", "sectors", file.buffer.read_ahead);
  add("buffer.read_cache", "switch", file.buffer.read_cache);
  add("buffer.write_cache", "switch", file.buffer.write_cache);
  add("buffer.write_sectors", "sectors", file.buffer.write_sectors);
  add("queue.depth", "commands", file.queue.depth);
  add("queue.policy", "policy: 0 FCFS, 1 C-LOOK, 2 SSTF, 3 SPTF", file.queue.policy);
  add("bus.rate", "B/s", file.bus.rate);
  add("recovery.revolutions", "revolutions", file.recovery.revolutions);
  add("host_path.sector", "us", file.host_path.sector, false);
  return fields;
}

// The rows of a table of numbers below its header line; lines that start with # say where it comes from.
std::vector<std::vector<double>> read_rows(const ParameterText& table, const std::string& header) {
  std::vector<std::vector<double>> rows;
  std::istringstream lines{table.text};
  const auto columns = static_cast<std::size_t>(std::ranges::count(header, ',')) + 1;
  bool found_header = false;
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    const auto fail = [&](const std::string& message) {
      throw ParameterError(table.name, fmt::format("line {}", number), message);
    };
    if (line.empty() || line.front() == '#') continue;
    if (!found_header) {
      if (line != header) fail(fmt::format("expected the header {}", header));
      found_header = true;
      continue;
    }
    std::vector<double> row;
    std::istringstream cells{line};
    for (std::string cell; std::getline(cells, cell, ',');) {
      char* end = nullptr;
      row.push_back(std::strtod(cell.c_str(), &end));
      if (end == cell.c_str() || *end != '\0' || !(row.back() >= 0 && row.back() < 1e9)) {
        fail(fmt::format("expected a number that is not negative, found \"{}\"", cell));
      }
    }
    if (row.size() != columns) fail(fmt::format("expected {} numbers", columns));
    rows.push_back(std::move(row));
  }
  if (rows.empty()) throw ParameterError(table.name, "", "expected at least one row");
  return rows;
}

std::vector<Zone> read_zones(const ParameterText& table) {
  std::vector<Zone> zones;
  for (const auto& row :
       read_rows(table, "first_cylinder,last_cylinder,sectors_per_track,track_skew,cylinder_skew,spares")) {
    const auto whole = [&](std::size_t column) { return static_cast<std::uint32_t>(std::llround(row[column])); };
    zones.push_back({whole(0), whole(1), whole(2), whole(3), whole(4), whole(5)});
  }
  return zones;
}

std::vector<SeekPoint> read_seeks(const ParameterText& table) {
  std::vector<SeekPoint> points;
  for (const auto& row : read_rows(table, "distance_cylinders,seek_ms")) {
    points.push_back(
        {static_cast<std::uint32_t>(std::llround(row[0])), sim::Duration::picoseconds(std::llround(row[1] * 1e9))});
  }
  return points;
}

}  // namespace

DriveFile DriveFile::parse(const ParameterText& values, const ParameterText& zones, const ParameterText& seeks) {
  DriveFile file;
  file.read(values, fields_of(file));
  file.add_table(zones);
  file.add_table(seeks);
  file.geometry.zones = read_zones(zones);
  file.mechanics.seek_points = read_seeks(seeks);
  file.check(values.name);
  return file;
}

DriveFile DriveFile::load(const std::string& path) {
  const std::string stem = std::filesystem::path{path}.replace_extension().string();
  const ParameterText values = read_parameter_text(path);
  return parse(values, read_parameter_text(stem + "_zones.csv"), read_parameter_text(stem + "_seek.csv"));
}

void DriveFile::set(std::string_view key, double value) {
  DriveFile changed = *this;
  changed.assign(key, value, fields_of(changed));
  changed.check(name);
  *this = std::move(changed);
}

sim::Duration DriveFile::bus_time(std::uint64_t sectors) const {
  return sim::Duration::seconds(1) * static_cast<std::int64_t>(sectors * hw::kSectorBytes) /
         static_cast<std::int64_t>(bus.rate);
}

void DriveFile::check(const std::string& file) const {
  const auto require = [&](bool holds, const char* key, const char* message) {
    if (!holds) throw ParameterError(file, key, message);
  };
  require(geometry.surfaces >= 1 && geometry.surfaces <= 64, "geometry.surfaces", "expected 1 to 64");
  require(mechanics.rotation >= 1000 && mechanics.rotation <= 100'000, "mechanics.rotation",
          "expected 1000 to 100000 rpm");
  require(queue.depth >= 1 && queue.depth <= 256, "queue.depth", "expected 1 to 256");
  require(queue.policy < kSeekPolicies, "queue.policy", "expected 0 to 3");
  require(bus.rate >= 1'000'000, "bus.rate", "expected at least 1 MB/s");
  require(buffer.segments >= 1 && buffer.segments <= 256, "buffer.segments", "expected 1 to 256");
  std::uint64_t held = 0;
  std::uint32_t next_cylinder = 0;
  for (const Zone& zone : geometry.zones) {
    require(zone.first_cylinder == next_cylinder && zone.last_cylinder >= zone.first_cylinder, "zones",
            "expected zones that follow one another from cylinder 0");
    require(zone.sectors_per_track > 0 && zone.track_skew < zone.sectors_per_track &&
                zone.cylinder_skew < zone.sectors_per_track && zone.spares <= zone.sectors_per_track,
            "zones", "expected skews below, and spares at most, the sectors of a track");
    next_cylinder = zone.last_cylinder + 1;
    const std::uint64_t tracks = std::uint64_t{next_cylinder - zone.first_cylinder} * geometry.surfaces;
    held += tracks * zone.sectors_per_track - zone.spares;
  }
  require(geometry.sectors > 0 && geometry.sectors <= held, "geometry.sectors", "expected no more than the zones hold");
  std::uint32_t distance = 0;
  for (const SeekPoint& point : mechanics.seek_points) {
    require(point.distance > distance, "seek", "expected distances that ascend");
    distance = point.distance;
  }
  require(mechanics.seek_points.size() >= 2 && mechanics.seek_points.front().distance == 1, "seek",
          "expected at least two distances, from 1");
}

}  // namespace model
