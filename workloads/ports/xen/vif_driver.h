// The driver of a virtual network interface: two rings of 256 shared with the hypervisor.
//
// Sending notifies the hypervisor only when it may have run out of work; received packets are whole pages that were
// exchanged for posted ones, refilled once per interrupt and announced 64 at a time.
#pragma once

#include <vector>

#include "interface/network.h"
#include "interface/shared_info.h"
#include "workloads/ports/port.h"
#include "workloads/ports/xen/event_page.h"

namespace guest {

class XenPort;

class VifDriver final : public NetworkInterface {
 public:
  VifDriver(XenPort& port, EventPage& events);

  model::Task<> start();      // maps the rings and posts all receive buffers
  model::Task<> interrupt();  // the network event
  bool open() const { return open_; }
  // Pages given away for packets whose arrival this driver has not seen yet: what is behind them may change any time.
  std::vector<GuestFrame> lent_pages() const;

  MacAddress mac_address() const override { return mac_; }
  bool computes_checksums() const override { return false; }  // XenLinux of 2003 offered no offload
  bool reaches_memory() const override { return true; }
  u32 receive_buffer() const override { return hv::kPageSize / 2 + 1 + 16; }  // so that each gets a page of its own
  model::Task<bool> transmit(const sim::Packet& packet) override;

  u64 received() const { return received_; }
  u64 transmitted() const { return transmitted_; }
  u64 bad_responses() const { return bad_responses_; }

 private:
  static constexpr u32 kVif = 0;
  void reap_transmits();
  void take_packet(const hv::NetReceiveResponse& response);
  void post_buffer(u32 slot);
  model::Task<> push();
  u32 slot_address(u32 first_word, u32 index) const;

  XenPort& port_;
  Kernel& kernel_;
  EventPage& events_;
  KernelMemory memory_;
  bool open_ = false;
  MacAddress mac_ = 0;
  u32 ring_ = 0;  // address of the ring page

  // Free-running, as in the shared page.
  u32 transmit_producer_ = 0, transmit_reaped_ = 0;
  u32 receive_producer_ = 0, receive_taken_ = 0, receive_announced_ = 0;
  std::vector<GuestFrame> transmit_pages_, receive_pages_;  // by id
  std::vector<u16> free_transmits_;
  std::vector<u16> free_receives_;  // ids of taken buffers, to be posted again
  std::vector<bool> lent_;          // by id
  u64 received_ = 0, transmitted_ = 0, bad_responses_ = 0;
};

}  // namespace guest
