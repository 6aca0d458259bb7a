#include "workloads/ports/native/nic_driver.h"

#include <algorithm>

#include "model/execution.h"
#include "workloads/kernel/kernel.h"

namespace guest {

namespace {

// Linux 2.4, net_rx_action: packets after which everybody else gets a turn, the timer's interrupt first.
constexpr u32 kPollBudget = 300;

}  // namespace

void NicDriver::start() {
  rings_.start([this] { return hv::MachineFrame{kernel_.take_page().number()}; });
}

model::Task<> NicDriver::interrupt() {
  const KernelFile::Paths& paths = kernel_.paths();
  kernel_.charge(paths.driver_interrupt);
  u32 budget = kPollBudget, taken;
  do {
    kernel_.charge(paths.soft_interrupt);
    taken = co_await poll(std::min(CardRings::kPollWeight, budget));
    budget -= taken;
  } while (taken == CardRings::kPollWeight && budget > 0);
  rings_.interrupt_done();
  co_await kernel_.transmit_queue().run();
}

model::Task<u32> NicDriver::poll(u32 most) {
  model::Machine& machine = kernel_.machine();
  const KernelFile::Paths& paths = kernel_.paths();
  co_await model::interruptible(machine);
  const u32 sent = rings_.take_transmitted();
  transmitted_ += sent;
  if (sent > 0) {
    stopped_ = false;
    kernel_.transmit_queue().completed(sent);
  }

  u32 taken = 0;
  for (sim::Packet packet; taken < most; ++taken) {
    co_await model::interruptible(machine);  // the card goes on receiving while the driver works
    if (!rings_.receive(packet)) break;
    kernel_.charge(paths.driver_receive);
    kernel_.charge(paths.driver_refill);
    ++received_;
    co_await kernel_.receive(packet);
  }
  co_return taken;
}

model::Task<bool> NicDriver::transmit(const sim::Packet& packet) {
  if (stopped_) co_return false;
  kernel_.charge(kernel_.paths().driver_transmit);
  stopped_ = !rings_.transmit(packet);
  co_return !stopped_;
}

}  // namespace guest
