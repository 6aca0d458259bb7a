#include "workloads/ports/hosted/host_network.h"

namespace guest {

HostNetwork::HostNetwork(model::Machine& machine, const KernelFile& kernel, u32 queue_frames)
    : machine_{machine}, host_{machine, kernel}, queue_frames_{queue_frames}, rings_{machine, *machine.network()} {}

void HostNetwork::start(const std::function<hv::MachineFrame()>& take_frame) {
  rings_.start(take_frame);
  machine_.router().route(rings_.interrupt_line(), 0);
  machine_.router().unmask(rings_.interrupt_line());
}

void HostNetwork::copy(sim::Cycles per_kilobyte, u32 bytes) {
  machine_.running().charge(model::MachineFile::cycles_for(per_kilobyte, bytes), model::Cause::bytes);
}

// As on bare hardware (native/nic_driver.cpp), but that every packet goes over the bridge.
void HostNetwork::interrupt() {
  const InHost in_host{machine_.running()};
  const KernelFile::Paths& paths = host_.paths();
  ++counts_.interrupts;
  host_.spend(paths.interrupt_dispatch);
  host_.spend(paths.driver_interrupt);
  u32 taken;
  do {
    host_.spend(paths.soft_interrupt);
    rings_.take_transmitted();
    taken = 0;
    for (sim::Packet frame; taken < CardRings::kPollWeight && rings_.receive(frame); ++taken) {
      host_.spend(paths.driver_receive);
      host_.spend(paths.driver_refill);
      host_.spend(paths.bridge);
      ++counts_.received;
      if (queue_.size() >= queue_frames_) {
        ++counts_.queue_dropped;
      } else {
        queue_.push_back(frame);
      }
    }
  } while (taken == CardRings::kPollWeight);
  rings_.interrupt_done();
}

std::optional<sim::Packet> HostNetwork::read() {
  const InHost in_host{machine_.running()};
  host_.spend(host_.call());
  if (queue_.empty()) return std::nullopt;
  const sim::Packet frame = queue_.front();
  queue_.pop_front();
  ++counts_.read;
  copy(machine_.file().memory.copy_uncached, frame.bytes);  // the card left it in memory
  return frame;
}

// The process has just made the frame, which is in the cache.
void HostNetwork::write(const sim::Packet& frame) {
  const InHost in_host{machine_.running()};
  const KernelFile::Paths& paths = host_.paths();
  host_.spend(host_.call());
  host_.spend(paths.driver_refill);  // a buffer to copy it to
  copy(machine_.file().memory.copy_cached, frame.bytes);
  const auto& machine = machine_.file();  // the buffer, which the card has read since it was last used
  const u32 lines = (frame.bytes + machine.cache.line_bytes - 1) / machine.cache.line_bytes;
  machine_.running().charge(machine_.clock().cycles_in(machine.memory.line_stream * lines), model::Cause::cache);
  host_.spend(paths.soft_interrupt);
  host_.spend(paths.bridge);
  host_.spend(paths.driver_transmit);
  ++counts_.written;
  if (!rings_.transmit(frame)) ++counts_.transmit_dropped;
}

}  // namespace guest
