// A disk drive with a tagged command queue: what a host sees of it, and what happens inside, event by event.
//
// A command that came in waits until its tag lets it begin. Then the electronics need their overhead, a write's data
// come over the bus, and the command stands in the queue for the arm, from which the drive's policy takes the next. The
// bus and the arm work side by side.
#pragma once

#include <cstdint>
#include <vector>

#include "hardware/block_device.h"
#include "model/disk/drive_file.h"
#include "model/disk/mechanics.h"
#include "model/disk/segment_buffer.h"
#include "model/disk/write_cache.h"
#include "sim/event_queue.h"
#include "sim/time.h"

namespace model {

struct DriveCommand {
  std::uint32_t id = 0;  // the host's
  hw::BlockOperation operation = hw::BlockOperation::read;
  hw::BlockTag tag = hw::BlockTag::simple;
  bool force_unit_access = false;
  std::uint64_t sector = 0;
  std::uint32_t sectors = 0;  // 0 of a flush
};

// Who gave the commands.
class DriveHost {
 public:
  // The slot is free again. May submit.
  virtual void drive_completed(std::uint32_t id, bool failed) = 0;

 protected:
  ~DriveHost() = default;
};

// Whoever wants to know what happens at the medium itself: a power cut at time t leaves exactly the sectors of writes
// that had passed by then.
class MediumObserver {
 public:
  // Told when the arm sets out, so the run is still to come; what is told does happen. `command` brought the data or
  // wants them.
  virtual void medium_run(const MediumRun& run, std::uint32_t command, bool write) = 0;

 protected:
  ~MediumObserver() = default;
};

struct DriveCounts {
  std::uint64_t reads = 0, writes = 0, flushes = 0;  // completed, failed ones too
  std::uint64_t failed = 0;
  std::uint64_t buffer_hits = 0;                        // reads that needed no arm
  std::uint64_t sectors_read = 0, sectors_written = 0;  // to and from the host
  sim::Duration arm_busy;  // seeking, waiting for a sector, transferring; not reading ahead
};

class Drive final : private sim::EventHandler {
 public:
  // Reads of a bad sector fail until somebody writes it, which lets the drive put another in its place. The queue and
  // the host outlive the drive.
  Drive(const DriveFile& file, std::vector<std::uint64_t> bad_sectors, sim::EventQueue& queue, DriveHost& host);

  std::uint64_t sectors() const { return mechanics_.geometry().sectors(); }
  std::uint32_t queue_depth() const { return file_.queue.depth; }
  bool caches_writes() const { return file_.buffer.write_cache != 0; }
  const DriveFile& file() const { return file_; }
  const DriveCounts& counts() const { return counts_; }
  void set_observer(MediumObserver* observer) { observer_ = observer; }

  // At the event queue's time. False: the queue is full.
  bool submit(const DriveCommand& command);

 private:
  using Slot = std::uint32_t;
  enum class Event : std::uint64_t {
    ready,      // the electronics are done with it: it may have the arm
    arm_done,   // its last sector has passed
    cached,     // of a write: its data are in the cache
    completed,  // its last byte is over the bus
    read_on,    // a run of read-ahead has passed
    destaged,   // what left the cache is on the medium
  };
  struct Command {
    DriveCommand asked;
    Place place;                  // of the first sector that the arm goes to
    std::uint32_t in_buffer = 0;  // of a read: sectors that it found there
    sim::Time data_ready;         // of a write: the arm may start then, and will not run out of data
    sim::Time first_read;         // of a read: its first sector is in the buffer
    bool failed = false;
  };
  struct WaitingFlush {
    Slot slot;
    WriteCache::Stamp stamp;  // of the last write that it is for
  };
  // The arm reads on in a segment, up to a limit.
  struct ReadAhead {
    SegmentBuffer::Index segment = SegmentBuffer::kNone;
    std::uint64_t limit = 0;
    bool running = false;
    MediumRun run;
    sim::EventHandle timer;
  };

  void on_event(std::uint64_t word) override;
  sim::EventHandle schedule(sim::Time at, Event event, Slot slot = 0);

  // The queue and the bus: drive.cpp.
  void begin_waiting();
  void begin(Slot slot);
  void begin_read(Slot slot);
  void begin_write(Slot slot);
  void begin_flush(Slot slot);
  void admit_cached_writes();
  void finish_read(Slot slot);
  void complete(Slot slot);
  void complete_flushes();
  sim::Time transfer(sim::Time from, std::uint32_t sectors);

  // The arm: drive_arm.cpp.
  void employ_arm();
  std::size_t next_for_arm() const;
  void access(Slot slot, sim::Time from);
  void arm_done(Slot slot);
  sim::Time pass(sim::Time from, const DriveCommand& sectors, sim::Time ready, sim::Time* first_passed);
  void destage();
  bool make_way_for_cache() const;
  std::uint64_t first_bad(std::uint64_t sector, std::uint64_t end) const;
  void replace_bad(std::uint64_t sector, std::uint32_t sectors);
  std::uint64_t buffered_until(SegmentBuffer::Index segment) const;
  void plan_read_ahead(SegmentBuffer::Index segment, const DriveCommand& read);
  void read_on();
  sim::Time stop_reading_ahead();

  const DriveFile file_;
  Mechanics mechanics_;
  std::vector<std::uint64_t> bad_sectors_;  // ascending
  sim::EventQueue& queue_;
  DriveHost& host_;
  MediumObserver* observer_ = nullptr;

  std::vector<Command> commands_;  // by slot
  std::vector<Slot> free_;
  std::vector<Slot> waiting_;  // for their tags, in the order they came
  std::vector<Slot> ready_;    // for the arm, in the order they became so
  std::uint32_t begun_ = 0;    // and not completed
  bool ordered_begun_ = false;

  SegmentBuffer buffer_;
  WriteCache cache_;
  std::vector<Slot> for_room_;  // writes that wait for room in the cache, oldest first
  std::vector<WaitingFlush> flushes_;

  bool arm_in_use_ = false;     // by a command or the cache; who reads ahead gives way
  bool destaged_last_ = false;  // of what used the arm: the cache
  ReadAhead ahead_;
  ArmPosition arm_;
  std::uint64_t arm_sector_ = 0;  // behind the last one accessed
  sim::Time bus_free_;
  DriveCounts counts_;
};

}  // namespace model
