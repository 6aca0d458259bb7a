// The native driver of the gigabit card: the interrupt only starts polling, which goes on until nothing is left (NAPI).
#pragma once

#include "workloads/kernel/memory.h"
#include "workloads/ports/native/card_rings.h"
#include "workloads/ports/port.h"

namespace guest {

class Kernel;

class NicDriver final : public NetworkInterface {
 public:
  NicDriver(Kernel& kernel, model::Machine& machine) : kernel_{kernel}, rings_{machine, *machine.network()} {}

  void start();               // posts the receive buffers
  model::Task<> interrupt();  // the card's
  u32 interrupt_line() const { return rings_.interrupt_line(); }

  MacAddress mac_address() const override { return rings_.mac_address(); }
  bool computes_checksums() const override { return true; }
  bool reaches_memory() const override { return true; }
  model::Task<bool> transmit(const sim::Packet& packet) override;

  u64 received() const { return received_; }
  u64 transmitted() const { return transmitted_; }

 private:
  model::Task<u32> poll(u32 most);  // packets received

  Kernel& kernel_;
  CardRings rings_;
  bool stopped_ = false;  // the card's transmit ring is full
  u64 received_ = 0, transmitted_ = 0;
};

}  // namespace guest
