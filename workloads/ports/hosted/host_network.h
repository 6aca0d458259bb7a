// The network of a Linux host that bridges its card to its guests: the card's driver, the bridge, and for each guest
// the queue from which its process reads frames (a tap device, or VMware's VMNet).
//
// A frame on its way in goes to the guest whose IP address it is for, a single guest has all of them. It waits in the
// queue until the process reads it, one call per frame and one copy; when the queue
// is full it is dropped. On its way out it goes from one write() through bridge and driver into the card's ring, in
// that call. Everything here runs in the host, on the CPU that the caller is on. The bridge changes no address:
// guests answer to the card's.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <vector>

#include "workloads/kernel/network/ip.h"
#include "workloads/ports/hosted/host_paths.h"
#include "workloads/ports/native/card_rings.h"

namespace guest {

class HostNetwork {
 public:
  struct Counts {              // of one guest
    u64 received = 0;          // frames from the wire
    u64 queue_dropped = 0;     // the queue was full
    u64 read = 0;              // by the process
    u64 written = 0;           // by the process
    u64 transmit_dropped = 0;  // the card's ring was full
  };

  // `queue_frames`: room in each queue. The references outlive it.
  HostNetwork(model::Machine& machine, const KernelFile& kernel, u32 queue_frames);

  void start(const std::function<hv::MachineFrame()>& take_frame);  // frames of the host's memory, for the card
  u32 interrupt_line() const { return rings_.interrupt_line(); }
  hv::u64 mac_address() const { return rings_.mac_address(); }

  void interrupt();  // the card's: the driver polls until nothing is left

  // --- calls of a guest's process; the guest has a number -----------------------------------------------------------
  u32 add_guest(IpAddress address);
  bool readable(u32 guest) const { return !guests_[guest].queue.empty(); }
  std::optional<sim::Packet> read(u32 guest);  // nothing: the queue is empty
  void write(u32 guest, const sim::Packet& frame);

  const Counts& counts(u32 guest) const { return guests_[guest].counts; }
  u64 for_nobody() const { return for_nobody_; }  // frames that no guest has the address of
  // Every frame that came was read, was dropped and counted, or waits.
  bool conserved() const;

 private:
  struct Guest {
    IpAddress address;
    std::deque<sim::Packet> queue;
    Counts counts;
  };
  Guest* guest_of(const sim::Packet& frame);  // null: nobody's
  void deliver(const sim::Packet& frame);
  void copy(sim::Cycles per_kilobyte, u32 bytes);

  model::Machine& machine_;
  HostPaths host_;
  u32 queue_frames_;
  CardRings rings_;
  std::vector<Guest> guests_;
  u64 taken_ = 0, for_nobody_ = 0;  // frames, out of the card's ring
};

}  // namespace guest
