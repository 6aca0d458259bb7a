// What waits to be sent: the queue of 100 packets that Linux 2.4 keeps before every network interface (pfifo_fast, of
// which only one band is used here), and what each socket has on its way out.
//
// A packet goes straight to the interface's driver if that has room. Otherwise it stays, and the driver's report of
// packets that it is done with starts the queue again. That report also gives sockets their room back, so that a
// process that sends faster than the wire sleeps instead of filling the queue.
#pragma once

#include <deque>
#include <memory>

#include "model/task.h"
#include "sim/outside/outside_world.h"
#include "workloads/kernel/memory.h"
#include "workloads/kernel/wait_queue.h"

namespace guest {

class Kernel;

// A socket's packets from the call that made them until the card is done with them [sk->wmem_alloc]. Shared by the
// socket and its packets, which may outlive it.
struct SendBuffer {
  // net.core.wmem_default of Linux 2.4 on i386.
  static constexpr u32 kDefaultLimit = 65'535;

  u32 limit = kDefaultLimit;
  u32 used = 0;
  WaitQueue writers;  // until half of it is free

  bool has_room() const { return used < limit; }
};

class TransmitQueue {
 public:
  static constexpr std::size_t kLength = 100;  // tx_queue_len of an Ethernet device

  explicit TransmitQueue(Kernel& kernel) : kernel_{kernel} {}

  // To the interface, or behind what waits for it [dev_queue_xmit]. `charge` bytes are taken from `sender`, if there is
  // one, until the packet is done with. False: the queue is full, and the packet is gone.
  model::Task<bool> send(sim::Packet packet, std::shared_ptr<SendBuffer> sender = nullptr, u32 charge = 0);
  // Hands over what waits, as long as the interface takes it: in deferred work [net_tx_action].
  model::Task<> run();

  // Of the driver: it is done with so many packets that it took, oldest first, and has room again [dev_kfree_skb,
  // netif_wake_queue]. In its interrupt handler, before the deferred work; or while it is given another packet.
  void completed(u32 packets);

  u64 dropped() const { return dropped_; }
  std::size_t waiting() const { return packets_.size() - with_driver_; }

 private:
  struct Outgoing {
    sim::Packet packet;
    std::shared_ptr<SendBuffer> sender;
    u32 charge;
    bool seen = false;  // by the tap: when it is offered to the driver for the first time
  };

  Kernel& kernel_;
  std::deque<Outgoing> packets_;  // the first `with_driver_` of them are the driver's
  std::size_t with_driver_ = 0;
  bool running_ = false;     // by code that what calls now has interrupted
  bool room_again_ = false;  // since the driver was last given a packet
  u64 dropped_ = 0;
};

}  // namespace guest
