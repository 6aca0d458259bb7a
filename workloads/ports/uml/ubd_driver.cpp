#include "workloads/ports/uml/ubd_driver.h"

#include <utility>

#include "workloads/kernel/kernel.h"

namespace guest {

namespace {

BlockPiece piece_of(const BlockRequest& request, const Buffer& buffer) {
  return {request.direction, request.barrier, buffer.sector, buffer.sectors};
}

}  // namespace

model::Task<> UbdDriver::start(RequestQueue& queue) {
  queue_ = &queue;
  if (request_ != nullptr) co_return;
  request_ = queue.take_apart();
  if (request_ == nullptr) co_return;
  buffer_ = 0;
  send();
}

// Code of this driver is taken to be as long as a SCSI driver's without the SCSI layer: its interrupt handler's.
void UbdDriver::send() {
  const Buffer& buffer = *request_->buffers[buffer_];
  queue_->issue(piece_of(*request_, buffer));
  kernel_.charge(kernel_.paths().scsi_interrupt);
  host_.start_block_call(request_->direction, buffer.sector, buffer.sectors);
}

model::Task<> UbdDriver::interrupt() {
  host_.call();  // poll
  kernel_.charge(kernel_.paths().interrupt_dispatch);
  const bool good = host_.take_block_answer();
  host_.change_signal_mask(file_.rearm_masks);
  Buffer* const buffer = request_->buffers[buffer_];
  queue_->complete(piece_of(*request_, *buffer), {&buffer, 1}, !good);
  if (++buffer_ < request_->buffers.size()) {
    send();
  } else {
    queue_->release(*std::exchange(request_, nullptr));
    co_await start(*queue_);
  }
  host_.call();  // poll: nothing, unless the thread has answered already
}

}  // namespace guest
