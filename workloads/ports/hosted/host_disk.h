// Buffered I/O of a Linux host on its drive, for processes below each of which a guest's disk is a partition.
//
// A process makes one read() or write() at a time. A write is over when the host's cache has it, and a read of what is
// there never comes to the drive; cache, request queue and drive are one for all of them. Dirty pages are written by
// the host's own daemons: kupdate, every 5 s those that are 30 s old; bdflush, from the time that they are many.
// Everything here runs in the host, on the CPU that the caller is on; what is left to do for a call when the drive
// answers, on the one that takes its interrupt. (Linux 2.4, fs/buffer.c, mm/filemap.c)
#pragma once

#include <deque>
#include <vector>

#include "hardware/block_device.h"
#include "workloads/hosts/platform.h"
#include "workloads/kernel/block/buffer.h"
#include "workloads/ports/hosted/host_cache.h"
#include "workloads/ports/hosted/host_paths.h"

namespace guest {

class HostDisk {
 public:
  struct Counts {
    u64 calls = 0;               // of the processes
    u64 pages_found = 0;         // of them in the cache
    u64 pages_read = 0;          // from the drive, for them
    u64 pages_written_back = 0;  // to the drive
    u64 throttled = 0;           // writes that had to wait for the drive
  };

  HostDisk(model::Machine& machine, const KernelFile& kernel, u32 cache_pages);

  void start();  // routes the adapter's interrupt to the first processor
  u32 interrupt_line() const { return device_.interrupt_line(); }
  u64 sectors() const { return device_.sectors(); }

  void interrupt();      // the adapter's
  void tick(u32 ticks);  // the host's timer: its daemons

  // --- calls of a process, which has a number -----------------------------------------------------------------------
  static constexpr u32 kMostProcesses = 64;
  u32 add_process();
  // It sleeps in the call until finished(), which may be at once.
  void begin(u32 process, BlockDirection direction, u64 sector, u32 sectors);
  bool finished(u32 process) const { return !calls_[process].running; }
  bool failed(u32 process) const { return calls_[process].failed; }  // the call that was finished last

  const Counts& counts() const { return counts_; }
  void add_metrics(std::vector<Metric>& metrics) const;

 private:
  struct Call {
    bool running = false, failed = false, copied = false;
    BlockDirection direction = BlockDirection::read;
    u64 first_page = 0, end_page = 0;
    u32 bytes = 0;
    u32 awaited = 0;  // commands that it needs
  };
  struct Command {
    bool write = false;
    u64 page = 0;
    u32 pages = 0;    // 0: over
    u64 readers = 0;  // processes that wait for it, bit per number
  };

  void read_missing(u32 process, u64 first, u64 end);
  void await_read(u32 process, u64 page);
  void advance(u32 process);
  void copy(const Call& call);
  void write_back();
  u32 percent_unclean() const;
  void submit(const Command& command);
  void issue();
  void complete(const Command& command, bool failed);

  model::Machine& machine_;
  hw::BlockDevice& device_;
  HostPaths host_;
  HostCache cache_;
  std::vector<Call> calls_;        // the last of each process
  u64 tick_ = 1, old_before_ = 0;  // what has been dirty since then is to be written
  u32 writing_ = 0, reading_ = 0;  // commands
  std::vector<Command> with_device_;
  std::vector<u32> free_ids_;
  std::deque<Command> waiting_;  // for room in the device
  Counts counts_;
};

}  // namespace guest
