// A block device as the kernel's block layer drives it: what differs between a disk of one's own, a VBD, an emulated
// controller and a file of a host.
#pragma once

#include "model/task.h"
#include "workloads/kernel/memory.h"

namespace guest {

class RequestQueue;

class BlockDriver {
 public:
  virtual u64 sectors() const = 0;
  virtual u32 most_request_sectors() const = 0;             // that one request may grow to by merging
  virtual u32 most_request_buffers() const { return 128; }  // the same (Linux 2.4: MAX_SEGMENTS)
  // Whether a write can be marked so that the device lets no other pass it; else whoever needs order waits.
  virtual bool barriers() const = 0;

  // The queue has requests and is not plugged [request_fn]: takes from its head what there is room for. Called again
  // by the driver itself when room has come back, with or without a request waiting. Completions go to
  // RequestQueue::complete from its interrupt handler.
  virtual model::Task<> start(RequestQueue& queue) = 0;

 protected:
  ~BlockDriver() = default;
};

}  // namespace guest
