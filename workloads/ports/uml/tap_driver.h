// The network driver of User-Mode Linux over a tap device of the host: one host call for every frame, both ways.
//
// Sending is synchronous: when the call is over the frame is with the host's card, so that the driver is never full and
// needs no interrupt. Receiving begins with a signal and reads until the host has nothing left.
// (2.4.26, arch/um: net_kern.c, sigio handler.)
#pragma once

#include "workloads/ports/port.h"
#include "workloads/ports/uml/host_kernel.h"

namespace guest {

class Kernel;

class TapDriver final : public NetworkInterface {
 public:
  TapDriver(Kernel& kernel, HostKernel& host, const UmlFile& file) : kernel_{kernel}, host_{host}, file_{file} {}

  model::Task<> interrupt();  // SIGIO

  MacAddress mac_address() const override { return host_.network().mac_address(); }
  bool computes_checksums() const override { return false; }
  u32 receive_buffer() const override;  // of the interface's MTU, not of the largest frame there is
  bool reaches_memory() const override { return false; }
  model::Task<bool> transmit(const sim::Packet& packet) override;

  // Every frame between the host's network and the guest kernel arrived.
  bool conserved() const;
  u64 received() const { return received_; }
  u64 transmitted() const { return transmitted_; }

 private:
  std::optional<sim::Packet> read();

  Kernel& kernel_;
  HostKernel& host_;
  const UmlFile& file_;
  u64 received_ = 0, transmitted_ = 0;
};

}  // namespace guest
