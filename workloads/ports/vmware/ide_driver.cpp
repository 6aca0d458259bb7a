#include "workloads/ports/vmware/ide_driver.h"

#include <utility>

#include "workloads/kernel/kernel.h"

namespace guest {

model::Task<> IdeDriver::start(RequestQueue& queue) {
  queue_ = &queue;
  if (request_ != nullptr) co_return;
  request_ = queue.take();
  if (request_ == nullptr) co_return;
  kernel_.charge(kernel_.paths().scsi_request);
  kernel_.charge(kernel_.paths().scsi_buffer, request_->buffers.size());
  co_await disk_.start(request_->direction, request_->sector, request_->sectors);
}

model::Task<> IdeDriver::interrupt() {
  kernel_.charge(kernel_.paths().scsi_interrupt);
  const bool good = disk_.acknowledge();
  kernel_.charge(kernel_.paths().scsi_complete);
  queue_->complete(*std::exchange(request_, nullptr), !good);
  co_await start(*queue_);
}

}  // namespace guest
