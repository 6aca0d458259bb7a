#include "workloads/kernel/network/transmit_queue.h"

#include <utility>

#include "workloads/kernel/kernel.h"

namespace guest {

model::Task<bool> TransmitQueue::send(sim::Packet packet, std::shared_ptr<SendBuffer> sender, u32 charge) {
  if (waiting() >= kLength) {
    ++dropped_;
    co_return false;
  }
  if (sender) sender->used += charge;
  packets_.push_back({packet, std::move(sender), charge});
  co_await run();
  co_return true;
}

model::Task<> TransmitQueue::run() {
  if (running_) co_return;
  running_ = true;
  NetworkInterface& interface = *kernel_.port().network();
  while (waiting() > 0) {
    room_again_ = false;
    Outgoing& next = packets_[with_driver_++];
    if (!std::exchange(next.seen, true)) kernel_.packet_tap().see(next.packet, kernel_.cpu().now());
    const sim::Packet packet = next.packet;
    const bool taken = co_await interface.transmit(packet);
    if (taken) continue;
    --with_driver_;
    if (!room_again_) break;
  }
  running_ = false;
}

void TransmitQueue::completed(u32 packets) {
  if (packets > with_driver_) kernel_.panic("the network driver is done with packets that it was not given");
  for (; packets > 0; --packets, --with_driver_) {
    const Outgoing done = std::move(packets_.front());
    packets_.pop_front();
    if (!done.sender) continue;
    SendBuffer& buffer = *done.sender;
    buffer.used -= done.charge;
    if (buffer.used > buffer.limit / 2) continue;
    while (Process* writer = buffer.writers.take_first()) kernel_.wake(*writer);
  }
  room_again_ = true;
}

}  // namespace guest
