#include "model/disk/host_adapter.h"

#include <algorithm>

namespace model {

HostAdapter::HostAdapter(const MachineFile& machine, const DriveFile& drive, std::vector<std::uint64_t> bad_sectors,
                         hv::u32 line, sim::EventQueue& queue, InterruptRouter& router, DriverCpu& driver)
    : machine_{machine},
      clock_{machine.cpu.clock},
      line_{line},
      queue_{queue},
      router_{router},
      driver_{driver},
      drive_{drive, std::move(bad_sectors), queue, *this},
      commands_(std::min({machine.scsi.queue_depth, drive.queue.depth, std::uint32_t{1} << kSlotBits})) {
  for (Slot slot = queue_depth(); slot-- > 0;) free_.push_back(slot);
  completed_.reserve(commands_.size());
}

void HostAdapter::set_trace(BlockTrace& trace, const std::string& device_name) {
  trace_ = &trace;
  traced_as_ = trace.add_device(device_name);
}

bool HostAdapter::submit(const hw::BlockCommand& command) {
  if (free_.empty()) return false;
  driver_.charge(clock_.cycles_in(machine_.pci.write * machine_.scsi.submit_register_writes));
  const Slot slot = free_.back();
  free_.pop_back();
  commands_[slot] = {.asked = {.id = submitted_++ << kSlotBits | slot,
                               .operation = command.operation,
                               .tag = command.tag,
                               .force_unit_access = command.force_unit_access,
                               .sector = command.sector,
                               .sectors = command.sectors},
                     .id = command.id};
  // The driver's time may be ahead of the queue's.
  queue_.schedule(std::max(queue_.now(), driver_.local_time()) + machine_.scsi.command, *this, slot);
  return true;
}

void HostAdapter::on_event(std::uint64_t word) {
  const DriveCommand& command = commands_[word].asked;
  record(BlockTraceEvent::Action::queued, command);  // of the drive, which has the queue
  record(BlockTraceEvent::Action::issued, command);
  drive_.submit(command);  // there are no more slots than the drive takes commands
}

void HostAdapter::drive_completed(std::uint32_t drive_id, bool failed) {
  const Slot slot = drive_id % (Slot{1} << kSlotBits);
  record(BlockTraceEvent::Action::completed, commands_[slot].asked, failed);
  completed_.push_back({.id = slot, .failed = failed});
  if (!interrupting_) interrupt();
}

bool HostAdapter::next_completed(hw::BlockCompletion& completion) {
  if (completed_.empty()) return false;
  driver_.charge(machine_.memory.latency);  // DMA left it in memory, not in the cache
  const Slot slot = completed_.front().id;
  completion = {.id = commands_[slot].id, .failed = completed_.front().failed};
  completed_.erase(completed_.begin());
  free_.push_back(slot);
  return true;
}

void HostAdapter::interrupt_done() {
  driver_.charge(clock_.cycles_in(machine_.pci.read * machine_.scsi.interrupt_register_reads +
                                  machine_.pci.write * machine_.scsi.interrupt_register_writes));
  router_.deassert_line(line_);
  interrupting_ = false;
  if (!completed_.empty()) interrupt();
}

void HostAdapter::interrupt() {
  interrupting_ = true;
  router_.assert_line(line_);
}

void HostAdapter::record(BlockTraceEvent::Action action, const DriveCommand& command, bool failed) {
  if (trace_ == nullptr) return;
  BlockTraceEvent event;
  event.action = action;
  event.write = command.operation != hw::BlockOperation::read;
  event.barrier = command.tag == hw::BlockTag::ordered || command.operation == hw::BlockOperation::flush;
  event.failed = failed;
  event.sector = command.sector;
  event.sectors = command.sectors;
  trace_->event(traced_as_, event, queue_.now());
}

}  // namespace model
