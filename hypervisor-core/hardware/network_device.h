// A network card as the core drives it: descriptors in, completions out, an interrupt when it has something to say.
//
// Both directions are rings of bounded length. Completions are collected by polling after the interrupt, so that the
// device never calls into the core.
#pragma once

#include "base/types.h"

namespace hw {

using namespace hv;  // NOLINT

struct TransmitDescriptor {
  u32 id = 0;            // given back with the completion
  u32 header_bytes = 0;  // bytes taken from `header`, then the payload follows
  u8 header[80] = {};
  MachineFrame payload_frame;  // none: the whole packet is in `header`
  u32 payload_offset = 0;
  u32 payload_bytes = 0;
};

struct ReceiveCompletion {
  MachineFrame frame;  // a frame posted before, now holding the packet from byte 0
  u32 bytes = 0;       // with Ethernet header, without FCS
};

class NetworkDevice {
 public:
  virtual u32 interrupt_line() const = 0;
  virtual u64 mac_address() const = 0;  // 48 bits, first octet in bits 47..40

  virtual bool transmit(const TransmitDescriptor& descriptor) = 0;  // false: ring full
  virtual bool next_transmitted(u32& id) = 0;                       // false: no further completion

  virtual bool post_receive(MachineFrame frame) = 0;  // false: ring full
  virtual bool next_received(ReceiveCompletion& completion) = 0;

  virtual void interrupt_done() = 0;  // completions were drained: the card may interrupt again

 protected:
  ~NetworkDevice() = default;
};

}  // namespace hw
