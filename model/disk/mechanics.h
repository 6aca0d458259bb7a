// The moving parts of a drive: the arm with its heads, and the disk that turns below them. Exact in picoseconds.
//
// The disk's angle follows from the time alone: the index mark passes the heads at every whole revolution.
#pragma once

#include <cstdint>
#include <vector>

#include "model/disk/drive_file.h"
#include "model/disk/geometry.h"
#include "sim/time.h"

namespace model {

// Where the arm is and which head is in use.
struct ArmPosition {
  std::uint32_t cylinder = 0, surface = 0;
};

// Consecutive sectors of one track that pass below the head.
struct MediumRun {
  std::uint64_t sector = 0;
  std::uint32_t sectors = 0;
  std::uint32_t sectors_per_track = 0;
  sim::Time start;  // of the first one's passage
  sim::Duration revolution;

  // When the first `count` of them have passed.
  sim::Time passed(std::uint32_t count) const { return start + revolution * count / sectors_per_track; }
  // How many of them have passed by then.
  std::uint32_t passed_by(sim::Time at) const;
  sim::Time end() const { return passed(sectors); }
};

class Mechanics {
 public:
  explicit Mechanics(const DriveFile& file);

  const Geometry& geometry() const { return geometry_; }
  sim::Duration revolution() const { return revolution_; }

  // Seek, head switch, and settling, without rotation.
  sim::Duration seek(ArmPosition from, const Place& to, bool write) const {
    sim::Duration time = seek_[from.cylinder > to.cylinder ? from.cylinder - to.cylinder : to.cylinder - from.cylinder];
    if (from.surface != to.surface && time < head_switch_) time = head_switch_;
    if (write && time > sim::Duration{}) time = time + write_settle_;
    return time;
  }

  // From `at` until the sector begins to pass.
  sim::Duration wait(sim::Time at, const Place& place) const {
    const std::int64_t sector_at = (revolution_ * place.angle / place.sectors_per_track).picoseconds();
    const std::int64_t wait = sector_at - at.picoseconds() % revolution_.picoseconds();
    return sim::Duration::picoseconds(wait < 0 ? wait + revolution_.picoseconds() : wait);
  }

  // Moves the arm at `from` on, to the sectors from `sector` as far as their track goes but at most `sectors`. They do
  // not pass before `ready`, where a write's data or a re-read has to be waited for.
  MediumRun next_run(sim::Time from, ArmPosition& arm, std::uint64_t sector, std::uint32_t sectors, bool write,
                     sim::Time ready = {}) const;

 private:
  Geometry geometry_;
  sim::Duration revolution_, head_switch_, write_settle_;
  std::vector<sim::Duration> seek_;  // by distance
};

}  // namespace model
