// The virtual machine's network card, as VMware Workstation emulates it. (Sugerman, Venkitachalam, Lim: Virtualizing
// I/O devices on VMware Workstation's hosted virtual machine monitor, USENIX 2001.)
//
// The card has an address register, which the monitor keeps, and a data register. Status is read and causes are
// acknowledged in the monitor too; what starts a transmission is for the process in the other world, which takes the
// frame out of the guest's ring and writes it to the host's network. When worlds are switched often anyway, frames stay
// in the ring until the next such switch, or until so many wait. What arrives is put into the guest's ring whenever the
// process has the CPU.
#pragma once

#include "workloads/ports/vmware/emulated_device.h"
#include "workloads/ports/vmware/monitor.h"
#include "workloads/ports/vmware/pcnet.h"

namespace guest {

class EmulatedNic final : public EmulatedDevice {
 public:
  struct Counts {
    u64 address_accesses = 0, data_accesses = 0;
    u64 sent = 0, received = 0;  // frames, between the rings and the host
    u64 combined = 0;            // frames that waited for another switch
    u64 interrupts = 0;          // of the guest
  };

  // Of a guest with that IP address.
  EmulatedNic(Monitor& monitor, WorkstationHost& host, model::Machine& machine, const WorkstationFile& file,
              IpAddress address);

  // The host's card with it, and where the guest has its rings [the initialisation block].
  void start(GuestFrame rings);
  static constexpr u32 transmit_offset(u32 entry) { return entry % kPcnetTransmitRing * kDescriptorBytes; }
  static constexpr u32 receive_offset(u32 entry) {
    return (kPcnetTransmitRing + entry % kPcnetReceiveRing) * kDescriptorBytes;
  }

  // --- the guest's accesses to the registers ------------------------------------------------------------------------
  void access_address();
  model::Task<u32> read_status();         // register 0
  model::Task<> write_status(u32 value);  // causes that are set in it are acknowledged

  MacAddress mac_address() const { return host_.network().mac_address(); }
  const HostNetwork::Counts& host_counts() const { return host_.network().counts(number_); }
  const Counts& counts() const { return counts_; }

  // Every frame between driver and host is in a ring or went through. `driver_sent`, `driver_received`: what the driver
  // gave to the transmit ring and took from the receive ring.
  bool conserved(u64 driver_sent, u64 driver_received) const;

  // EmulatedDevice
  bool process_has_work() const override;
  void process() override;
  bool raised() const override { return raised_; }
  void taken() override;

 private:
  static constexpr u32 kDescriptorBytes = sizeof(PcnetDescriptor);
  PcnetDescriptor load(u32 offset) const;
  void store_status(u32 offset, u32 status);
  bool frame_to_send() const { return (load(transmit_offset(sent_)).status & kPcnetOwned) != 0; }
  bool buffer_free() const { return (load(receive_offset(received_)).status & kPcnetOwned) != 0; }
  void access_data();
  template <class F>
  void through_vmnet(F call);
  void send_frame();
  void receive_frame();
  void set(u32 causes);

  Monitor& monitor_;
  model::Machine& machine_;
  const WorkstationFile& file_;
  WorkstationHost& host_;
  u32 number_;  // of the guest, for the host's network
  GuestFrame rings_{0};
  bool started_ = false;
  u32 sent_ = 0, received_ = 0;  // entries that the process has gone through, free-running
  u32 waiting_ = 0;              // transmissions asked for that no switch was made for
  u32 status_ = 0;
  bool raised_ = false;
  Counts counts_;
};

}  // namespace guest
