#include "workloads/ports/uml/tap_driver.h"

#include "model/execution.h"
#include "workloads/kernel/kernel.h"
#include "workloads/kernel/network/network_stack.h"

namespace guest {

u32 TapDriver::receive_buffer() const { return kernel_.network().tcp().mtu() + 16; }

// A buffer for the largest frame is there before anyone knows whether there is a frame.
std::optional<sim::Packet> TapDriver::read() {
  kernel_.charge(kernel_.paths().driver_refill);
  return host_.read_frame();
}

model::Task<> TapDriver::interrupt() {
  const KernelFile::Paths& paths = kernel_.paths();
  while (true) {
    host_.call();  // poll, of all descriptors
    if (!host_.frame_waits()) break;
    kernel_.charge(paths.interrupt_dispatch);
    kernel_.charge(paths.driver_interrupt);
    while (const std::optional<sim::Packet> frame = read()) {
      kernel_.charge(paths.driver_receive);
      ++received_;
      kernel_.queue_packet(*frame);
    }
    host_.change_signal_mask(file_.rearm_masks);
    co_await kernel_.run_soft_interrupts();
  }
}

model::Task<bool> TapDriver::transmit(const sim::Packet& packet) {
  kernel_.charge(kernel_.paths().driver_transmit);
  host_.write_frame(packet);
  ++transmitted_;
  kernel_.transmit_queue().completed(1);
  co_await model::interruptible(kernel_.machine());  // the host is, all the time
  co_return true;
}

bool TapDriver::conserved() const {
  const HostNetwork::Counts& counts = host_.network_counts();
  return host_.network().conserved() && counts.read == received_ && counts.written == transmitted_;
}

}  // namespace guest
