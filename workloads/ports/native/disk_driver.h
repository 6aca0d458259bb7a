// The native driver of the SCSI disk: Linux 2.4's SCSI layer over an aic7xxx host adapter.
//
// Everything that the request queue has goes to the drive at once, as tagged commands, and the drive chooses. So that
// it starves none, one command in 500 is ordered. Nothing maps a barrier to a tag: whoever needs order waits.
#pragma once

#include <array>

#include "hardware/block_device.h"
#include "workloads/kernel/block/request_queue.h"

namespace guest {

class Kernel;

class DiskDriver final : public BlockDriver {
 public:
  DiskDriver(Kernel& kernel, hw::BlockDevice& device) : kernel_{kernel}, device_{device} {}

  model::Task<> interrupt();  // the adapter's
  u32 interrupt_line() const { return device_.interrupt_line(); }

  u64 sectors() const override { return device_.sectors(); }
  u32 most_request_sectors() const override { return 1024; }
  u32 most_request_buffers() const override { return hw::kMaxBlockSegments; }
  bool barriers() const override { return false; }
  model::Task<> start(RequestQueue& queue) override;

  u64 commands() const { return commands_; }
  u64 ordered() const { return ordered_; }

 private:
  void submit(BlockRequest& request);
  hw::BlockTag next_tag();

  Kernel& kernel_;
  hw::BlockDevice& device_;
  RequestQueue* queue_ = nullptr;                                         // that was started
  std::array<BlockRequest*, 2 * RequestQueue::kRequests> with_device_{};  // by slot
  u32 outstanding_ = 0, since_idle_or_ordered_ = 0;                       // commands
  u64 commands_ = 0, ordered_ = 0;
};

}  // namespace guest
