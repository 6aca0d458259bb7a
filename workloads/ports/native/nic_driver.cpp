#include "workloads/ports/native/nic_driver.h"

#include <algorithm>

#include "model/execution.h"
#include "workloads/kernel/kernel.h"

namespace guest {

namespace {

// tg3 of Linux 2.4: buffers it keeps posted, and packets it takes in one poll.
constexpr u32 kPostedBuffers = 200;
constexpr u32 kPollWeight = 64;
// Linux 2.4, net_rx_action: packets after which everybody else gets a turn, the timer's interrupt first.
constexpr u32 kPollBudget = 300;

}  // namespace

void NicDriver::start() {
  payload_page_ = kernel_.take_page();
  for (u32 i = 0; i < kPostedBuffers; ++i) {
    if (!device_.post_receive(hv::MachineFrame{kernel_.take_page().number()})) break;
  }
}

model::Task<> NicDriver::interrupt() {
  const KernelFile::Paths& paths = kernel_.paths();
  kernel_.charge(paths.driver_interrupt);
  u32 budget = kPollBudget, taken;
  do {
    kernel_.charge(paths.soft_interrupt);
    taken = co_await poll(std::min(kPollWeight, budget));
    budget -= taken;
  } while (taken == kPollWeight && budget > 0);
  device_.interrupt_done();
  co_await kernel_.transmit_queue().run();
}

model::Task<u32> NicDriver::poll(u32 most) {
  model::Machine& machine = kernel_.machine();
  const KernelFile::Paths& paths = kernel_.paths();
  co_await model::interruptible(machine);
  u32 sent = 0;
  for (hv::u32 id; device_.next_transmitted(id);) ++sent;
  transmitted_ += sent;
  if (sent > 0) {
    stopped_ = false;
    kernel_.transmit_queue().completed(sent);
  }

  u32 taken = 0;
  for (hw::ReceiveCompletion completion; taken < most; ++taken) {
    co_await model::interruptible(machine);  // the card goes on receiving while the driver works
    if (!device_.next_received(completion)) break;
    kernel_.charge(paths.driver_receive);
    sim::Packet packet;
    packet.bytes = static_cast<std::uint16_t>(completion.bytes);
    const u32 kept = std::min<u32>(completion.bytes, static_cast<u32>(packet.header.size()));
    machine.physical_memory().read_bytes(completion.frame.address(), packet.header.data(), kept);
    ++received_;
    kernel_.charge(paths.driver_refill);
    if (!device_.post_receive(completion.frame)) kernel_.panic("the card lost a receive buffer");
    co_await kernel_.receive(packet);
  }
  co_return taken;
}

model::Task<bool> NicDriver::transmit(const sim::Packet& packet) {
  if (stopped_) co_return false;
  kernel_.charge(kernel_.paths().driver_transmit);
  hw::TransmitDescriptor descriptor;
  descriptor.header_bytes = std::min<u32>(packet.bytes, static_cast<u32>(packet.header.size()));
  std::copy_n(packet.header.begin(), descriptor.header_bytes, descriptor.header);
  if (packet.bytes > descriptor.header_bytes) {
    descriptor.payload_frame = hv::MachineFrame{payload_page_.number()};
    descriptor.payload_bytes = packet.bytes - descriptor.header_bytes;
  }
  stopped_ = !device_.transmit(descriptor);
  co_return !stopped_;
}

}  // namespace guest
