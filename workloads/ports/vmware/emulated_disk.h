// The virtual machine's disk: an IDE controller, whose registers the monitor keeps, over a partition of the host.
//
// A request is programmed by a series of port accesses. The last of them switches to the host's world, where the
// process reads or writes the partition as any process does, through the host's cache. When that is over the monitor
// raises the controller's interrupt: at once, or when the process next looks, once a tick (a parameter).
#pragma once

#include "workloads/ports/vmware/emulated_device.h"
#include "workloads/ports/vmware/monitor.h"

namespace guest {

class EmulatedDisk final : public EmulatedDevice {
 public:
  struct Counts {
    u64 port_accesses = 0, requests = 0, interrupts = 0;
  };

  // The host has a drive.
  EmulatedDisk(Monitor& monitor, WorkstationHost& host, const WorkstationFile& file)
      : monitor_{monitor}, file_{file}, host_{host}, disk_{*host.disk()}, process_{disk_.add_process()} {}

  void start() { host_.start_disk(); }  // the host's with it

  // --- the guest's accesses to the registers ------------------------------------------------------------------------
  model::Task<> start(BlockDirection direction, u64 sector, u32 sectors);
  bool acknowledge();  // the interrupt; false: the request failed

  u64 sectors() const { return disk_.sectors(); }
  const Counts& counts() const { return counts_; }

  // EmulatedDevice
  void host_tick() override;
  bool process_has_work() const override { return requested_ || noticed(); }
  void process() override;
  bool raised() const override { return raised_; }
  void taken() override { ++counts_.interrupts; }

 private:
  void access_ports(u32 times);
  bool noticed() const { return running_ && disk_.finished(process_) && ticks_ >= file_.disk_notice_ticks; }

  Monitor& monitor_;
  const WorkstationFile& file_;
  WorkstationHost& host_;
  HostDisk& disk_;
  u32 process_;
  struct {
    BlockDirection direction = BlockDirection::read;
    u64 sector = 0;
    u32 sectors = 0;
  } request_;
  bool requested_ = false, running_ = false, raised_ = false;  // one after the other
  u32 ticks_ = 0;                                              // of the host since it was finished
  Counts counts_;
};

}  // namespace guest
