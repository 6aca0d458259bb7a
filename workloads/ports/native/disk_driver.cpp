#include "workloads/ports/native/disk_driver.h"

#include <algorithm>

#include "workloads/kernel/kernel.h"

namespace guest {

namespace {

// aic7xxx of Linux 2.4: its default number of tagged commands, and AHC_OTAG_THRESH.
constexpr u32 kMostTags = 253;
constexpr u32 kOrderedEvery = 500;

}  // namespace

model::Task<> DiskDriver::start(RequestQueue& queue) {
  queue_ = &queue;
  const u32 most = std::min(kMostTags, device_.queue_depth());
  while (outstanding_ < most) {
    BlockRequest* request = queue.take();
    if (request == nullptr) break;
    submit(*request);
  }
  return {};
}

void DiskDriver::submit(BlockRequest& request) {
  const KernelFile::Paths& paths = kernel_.paths();
  kernel_.charge(paths.scsi_request);
  kernel_.charge(paths.scsi_buffer, request.buffers.size());
  std::array<hw::BlockSegment, hw::kMaxBlockSegments> segments;
  std::transform(request.buffers.begin(), request.buffers.end(), segments.begin(), [](const Buffer* buffer) {
    return hw::BlockSegment{hv::MachineFrame{buffer->frame.number()}, static_cast<u16>(buffer->first_sector),
                            static_cast<u16>(buffer->sectors)};
  });
  hw::BlockCommand command;
  command.id = request.slot;
  command.operation = request.direction == BlockDirection::read ? hw::BlockOperation::read : hw::BlockOperation::write;
  command.tag = next_tag();
  command.sector = request.sector;
  command.sectors = request.sectors;
  command.segments = segments.data();
  command.segment_count = static_cast<u32>(request.buffers.size());
  if (!device_.submit(command)) kernel_.panic("the disk refused a command for which it had room");
  with_device_[request.slot] = &request;
  ++outstanding_;
  ++commands_;
}

hw::BlockTag DiskDriver::next_tag() {
  if (++since_idle_or_ordered_ <= kOrderedEvery) return hw::BlockTag::simple;
  since_idle_or_ordered_ = 0;
  ++ordered_;
  return hw::BlockTag::ordered;
}

model::Task<> DiskDriver::interrupt() {
  const KernelFile::Paths& paths = kernel_.paths();
  kernel_.charge(paths.scsi_interrupt);
  kernel_.charge(paths.soft_interrupt);
  for (hw::BlockCompletion completion; device_.next_completed(completion);) {
    BlockRequest* request = completion.id < with_device_.size() ? with_device_[completion.id] : nullptr;
    if (request == nullptr) kernel_.panic("the disk completed a command that it was not given");
    with_device_[completion.id] = nullptr;
    if (--outstanding_ == 0) since_idle_or_ordered_ = 0;
    kernel_.charge(paths.scsi_complete);
    queue_->complete(*request, completion.failed);
  }
  device_.interrupt_done();
  if (queue_ != nullptr) co_await start(*queue_);
}

}  // namespace guest
