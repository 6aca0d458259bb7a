// An NE2000 network card where ISA cards have it: ports from 0x300, interrupt input 10.
//
// It knows nothing of the PC's memory: packets are moved word by word through a port, into and out of its own 16 kB
// (National Semiconductor DP8390D data sheet). One packet is being sent at a time; packets that come wait in the card's
// ring until the core has a frame for them, and those for which that has no room are lost.
#pragma once

#include "hardware/network_device.h"
#include "metal/metal_memory.h"

namespace metal {

class Ne2000 final : public hw::NetworkDevice {
 public:
  constexpr explicit Ne2000(MetalMemory& memory) : memory_{memory} {}

  bool start();  // false: there is none

  u32 interrupt_line() const override;
  u64 mac_address() const override { return mac_; }

  bool transmit(const hw::TransmitDescriptor& descriptor) override;
  bool next_transmitted(u32& id) override;
  bool post_receive(MachineFrame frame) override;
  bool next_received(hw::ReceiveCompletion& completion) override;
  void interrupt_done() override;

 private:
  static constexpr u32 kFrames = 32;  // more than the card has packets of more than 500 bytes

  hw::ReceiveCompletion take_packet(u32 address, u32 bytes);

  MetalMemory& memory_;
  u64 mac_ = 0;
  u32 next_page_ = 0;  // of the card's ring: where the next packet begins
  bool sending_ = false;
  u32 sent_id_ = 0;
  MachineFrame posted_[kFrames];  // oldest first
  u32 first_ = 0, count_ = 0;     // first_ runs freely
};

}  // namespace metal
