// The requests for one block device, as in Linux 2.4: 64 for reads and 64 for writes, merged with their neighbours,
// sorted by an elevator that lets a request be overtaken only so often, and held back while the queue is plugged.
// (drivers/block/ll_rw_blk.c)
#pragma once

#include <array>
#include <span>
#include <vector>

#include "model/disk/block_trace.h"
#include "workloads/kernel/block/block_driver.h"
#include "workloads/kernel/block/buffer.h"
#include "workloads/kernel/block/elevator.h"

namespace guest {

class Kernel;

// What goes to a device as one.
struct BlockPiece {
  BlockDirection direction;
  bool barrier;
  u64 sector;
  u32 sectors;
};

class RequestQueue {
 public:
  static constexpr u32 kRequests = 64;  // for each direction
  static constexpr u32 kBatch = 32;     // free ones from which on those who wait for one are woken

  RequestQueue(Kernel& kernel, BlockDriver& driver);
  RequestQueue(const RequestQueue&) = delete;
  RequestQueue& operator=(const RequestQueue&) = delete;

  BlockDriver& driver() { return driver_; }

  // --- users; in a process -----------------------------------------------------------------------------------------
  // Locks the buffer and queues it [submit_bh]. Waits while it is locked, or all requests of its direction are taken.
  // The buffer stays where it is until its completion. A first one for an empty queue plugs it.
  model::Task<> submit(Buffer& buffer, BlockDirection direction, bool barrier = false);
  model::Task<> wait(Buffer& buffer);  // until it is unlocked; unplugs [wait_on_buffer]
  model::Task<> unplug();              // [run_task_queue(&tq_disk)]

  // --- the driver --------------------------------------------------------------------------------------------------
  // The request at the head leaves the queue and is the driver's until complete(); null: plugged, or empty.
  BlockRequest* take();
  // Ends the request: its buffers are unlocked, who waits for them or for a free request is woken.
  void complete(BlockRequest& request, bool failed);

  // For a driver that cuts its device's commands differently: the request is its until release(), whose buffers go on.
  const BlockRequest* head() const;  // that would be taken next; null: plugged, or empty
  BlockRequest* take_apart();
  void release(BlockRequest& request);
  void issue(const BlockPiece& piece);  // to the device
  void complete(const BlockPiece& piece, std::span<Buffer* const> buffers, bool failed);

  void trace(model::BlockTrace& to, model::BlockTrace::DeviceId device);
  struct Counts {
    // By direction. Sectors are those of ended buffers, requests those that went to the driver.
    std::array<u64, 2> buffers{}, sectors{}, requests{}, merges{};
    u64 waits = 0;   // for a free request
    u64 failed = 0;  // buffers
  };
  const Counts& counts() const { return counts_; }
  u32 outstanding() const;  // requests that are not complete
  bool plugged() const { return plugged_; }
  const Elevator& elevator() const { return elevator_; }

 private:
  static constexpr std::size_t index(BlockDirection direction) { return static_cast<std::size_t>(direction); }
  using Action = model::BlockTraceEvent::Action;
  void note(Action action, const BlockPiece& piece, bool failed = false);
  bool merge(Buffer& buffer, BlockDirection direction, Elevator::Place& place);
  void add(Buffer& buffer, BlockDirection direction, bool barrier, const Elevator::Place& place);
  void free(BlockRequest& request);
  void end(Buffer& buffer, bool failed);

  Kernel& kernel_;
  BlockDriver& driver_;
  Elevator elevator_;
  std::array<BlockRequest, 2 * kRequests> requests_;
  std::array<std::vector<BlockRequest*>, 2> free_;  // by direction
  std::array<WaitQueue, 2> waiting_;                // for one of them
  bool plugged_ = false;
  Counts counts_;
  model::BlockTrace* trace_ = nullptr;
  model::BlockTrace::DeviceId traced_as_ = 0;
  sim::Time last_traced_;
};

}  // namespace guest
