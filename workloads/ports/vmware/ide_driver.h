// The guest's driver of its disk: Linux 2.4's ide-disk with DMA, which does not know that the controller is emulated.
//
// Requests up to 64 KB, one at a time. The IDE layer's code is taken to be as long as the SCSI layer's.
#pragma once

#include "workloads/kernel/block/request_queue.h"
#include "workloads/ports/vmware/emulated_disk.h"

namespace guest {

class Kernel;

class IdeDriver final : public BlockDriver {
 public:
  IdeDriver(Kernel& kernel, EmulatedDisk& disk) : kernel_{kernel}, disk_{disk} {}

  model::Task<> interrupt();  // the controller's

  u64 sectors() const override { return disk_.sectors(); }
  u32 most_request_sectors() const override { return 128; }
  bool barriers() const override { return false; }
  model::Task<> start(RequestQueue& queue) override;

 private:
  Kernel& kernel_;
  EmulatedDisk& disk_;
  RequestQueue* queue_ = nullptr;    // that was started
  BlockRequest* request_ = nullptr;  // with the controller
};

}  // namespace guest
