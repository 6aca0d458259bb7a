// The network of a Linux host that bridges its card to one guest: the card's driver, the bridge, and the queue from
// which the guest's process reads frames (a tap device, or VMware's VMNet).
//
// A frame on its way in waits in that queue until the process reads it, one call per frame and one copy; when the queue
// is full it is dropped. On its way out it goes from one write() through bridge and driver into the card's ring, in
// that call. Everything here runs in the host, on the CPU that the caller is on. The bridge changes no address: the
// guest answers to the card's.
#pragma once

#include <deque>
#include <functional>
#include <optional>

#include "workloads/ports/hosted/host_paths.h"
#include "workloads/ports/native/card_rings.h"

namespace guest {

class HostNetwork {
 public:
  struct Counts {
    u64 received = 0;          // frames from the wire
    u64 queue_dropped = 0;     // the queue was full
    u64 read = 0;              // by the process
    u64 written = 0;           // by the process
    u64 transmit_dropped = 0;  // the card's ring was full
    u64 interrupts = 0;
  };

  // `queue_frames`: room in the queue. The references outlive it.
  HostNetwork(model::Machine& machine, const KernelFile& kernel, u32 queue_frames);

  void start(const std::function<hv::MachineFrame()>& take_frame);  // frames of the host's memory, for the card
  u32 interrupt_line() const { return rings_.interrupt_line(); }
  hv::u64 mac_address() const { return rings_.mac_address(); }

  void interrupt();  // the card's: the driver polls until nothing is left
  bool readable() const { return !queue_.empty(); }

  // --- calls of the process -----------------------------------------------------------------------------------------
  std::optional<sim::Packet> read();  // nothing: the queue is empty
  void write(const sim::Packet& frame);

  const Counts& counts() const { return counts_; }
  // Every frame that came was read, was dropped and counted, or waits.
  bool conserved() const { return counts_.received == counts_.read + counts_.queue_dropped + queue_.size(); }

 private:
  void copy(sim::Cycles per_kilobyte, u32 bytes);

  model::Machine& machine_;
  HostPaths host_;
  u32 queue_frames_;
  CardRings rings_;
  std::deque<sim::Packet> queue_;
  Counts counts_;
};

}  // namespace guest
