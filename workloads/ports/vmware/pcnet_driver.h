// The guest's driver of its network card: Linux 2.4's pcnet32, which does not know that the card is emulated.
//
// Every access to the data register is preceded by one to the address register. A received frame of more than 200 bytes
// goes up in the buffer that it came in, and its socket is charged for all of that; a smaller one is copied.
#pragma once

#include <vector>

#include "workloads/ports/kernel_memory.h"
#include "workloads/ports/port.h"
#include "workloads/ports/vmware/emulated_nic.h"

namespace guest {

class Kernel;

class PcnetDriver final : public NetworkInterface {
 public:
  PcnetDriver(Kernel& kernel, EmulatedNic& card) : kernel_{kernel}, card_{card}, memory_{kernel} {}

  model::Task<> start();      // makes the rings and gives all receive buffers to the card
  model::Task<> interrupt();  // the card's

  MacAddress mac_address() const override { return card_.mac_address(); }
  bool computes_checksums() const override { return false; }
  u32 receive_buffer() const override { return kPcnetBufferBytes + 2 + 16; }
  bool reaches_memory() const override { return false; }
  model::Task<bool> transmit(const sim::Packet& packet) override;

  u64 received() const { return received_; }
  u64 transmitted() const { return transmitted_; }

 private:
  model::Task<u32> read_status();
  model::Task<> write_status(u32 value);
  PcnetDescriptor get(u32 offset);
  void put(u32 offset, const PcnetDescriptor& descriptor);
  void take_transmitted();
  void take_received();

  Kernel& kernel_;
  EmulatedNic& card_;
  KernelMemory memory_;
  GuestFrame rings_{0};
  std::vector<GuestFrame> transmit_buffers_, receive_buffers_;    // a page each
  u32 transmit_next_ = 0, transmit_done_ = 0, receive_next_ = 0;  // free-running
  u64 received_ = 0, transmitted_ = 0;
};

}  // namespace guest
