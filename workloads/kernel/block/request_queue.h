// The requests for one block device, as in Linux 2.4: 64 for reads and 64 for writes, merged with their neighbours,
// sorted by an elevator that lets a request be overtaken only so often, and held back while the queue is plugged.
#pragma once

#include <deque>
#include <list>
#include <optional>
#include <vector>

#include "model/disk/block_trace.h"
#include "workloads/kernel/block/block_driver.h"
#include "workloads/kernel/block/buffer.h"

namespace guest {

class Kernel;

struct BlockRequest {
  BlockDirection direction = BlockDirection::read;
  bool barrier = false;  // nothing is merged with it or passes it
  u64 sector = 0;
  u32 sectors = 0;
  std::vector<Buffer*> buffers;  // in the order of their sectors, without gaps
  u32 may_be_passed = 0;         // so many sectors more before it is a fence for later requests
  u32 slot = 0;                  // of the queue's 128; the driver's name for it
};

class RequestQueue {
 public:
  RequestQueue(Kernel& kernel, BlockDriver& driver);
  RequestQueue(const RequestQueue&) = delete;
  RequestQueue& operator=(const RequestQueue&) = delete;

  BlockDriver& driver() { return driver_; }

  // --- users; in a process -----------------------------------------------------------------------------------------
  // Locks the buffer and queues it [submit_bh]. Waits while all requests of its direction are taken. The buffer stays
  // where it is until its completion. A first one for an empty queue plugs it.
  model::Task<> submit(Buffer& buffer, BlockDirection direction, bool barrier = false);
  model::Task<> wait(Buffer& buffer);  // until it is unlocked; unplugs [wait_on_buffer]
  model::Task<> unplug();              // [run_task_queue(&tq_disk)]

  // --- the driver --------------------------------------------------------------------------------------------------
  // The request at the head leaves the queue and is the driver's until complete(); null: plugged, or empty.
  BlockRequest* take();
  // Ends the request: its buffers are unlocked, who waits for them or for a free request is woken.
  void complete(BlockRequest& request, bool failed);

  void trace(model::BlockTrace& to, model::BlockTrace::DeviceId device);
  struct Counts {
    u64 buffers[2] = {}, requests[2] = {}, merges[2] = {};  // by direction
    u64 waits = 0;                                          // for a free request
    u64 failed = 0;
  };
  const Counts& counts() const { return counts_; }
  u32 outstanding() const;  // requests that are not complete

 private:
  Kernel& kernel_;
  BlockDriver& driver_;
  Counts counts_;
};

}  // namespace guest
