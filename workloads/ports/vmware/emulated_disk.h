// The virtual machine's disk: an IDE controller, whose registers the monitor keeps, over a partition of the host.
//
// A request is programmed by a series of port accesses. The last of them switches to the host's world, where the
// process reads or writes the partition as any process does, through the host's cache. When that is over the monitor
// raises the controller's interrupt: at once, or when the process next looks, once a tick (a parameter).
#pragma once

#include "workloads/ports/hosted/host_disk.h"
#include "workloads/ports/vmware/emulated_device.h"
#include "workloads/ports/vmware/monitor.h"

namespace guest {

class EmulatedDisk final : public EmulatedDevice {
 public:
  struct Counts {
    u64 port_accesses = 0, requests = 0, interrupts = 0;
  };

  EmulatedDisk(Monitor& monitor, model::Machine& machine, const KernelFile& kernel, const WorkstationFile& file)
      : monitor_{monitor}, file_{file}, host_{machine, kernel}, disk_{machine, kernel, file.cache_pages} {}

  void start() { disk_.start(); }  // the host's part

  // --- the guest's accesses to the registers ------------------------------------------------------------------------
  model::Task<> start(BlockDirection direction, u64 sector, u32 sectors);
  bool acknowledge();  // the interrupt; false: the request failed

  HostDisk& host() { return disk_; }
  const HostDisk& host() const { return disk_; }
  const Counts& counts() const { return counts_; }

  // EmulatedDevice
  hv::u32 host_line() const override { return disk_.interrupt_line(); }
  void host_interrupt() override { disk_.interrupt(); }
  void host_tick() override;
  bool process_has_work() const override { return requested_ || noticed(); }
  void process() override;
  bool raised() const override { return raised_; }
  void taken() override { ++counts_.interrupts; }

 private:
  void access_ports(u32 times);
  bool noticed() const { return running_ && disk_.finished() && ticks_ >= file_.disk_notice_ticks; }

  Monitor& monitor_;
  const WorkstationFile& file_;
  HostPaths host_;
  HostDisk disk_;
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
