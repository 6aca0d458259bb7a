#include "workloads/ports/vmware/emulated_disk.h"

namespace guest {

void EmulatedDisk::access_ports(u32 times) {
  counts_.port_accesses += times;
  monitor_.spend(file_.port_access * times);
}

model::Task<> EmulatedDisk::start(BlockDirection direction, u64 sector, u32 sectors) {
  ++counts_.requests;
  access_ports(file_.disk_ports_per_request);
  request_ = {direction, sector, sectors};
  requested_ = true;
  return monitor_.call_process();
}

bool EmulatedDisk::acknowledge() {
  access_ports(file_.disk_ports_per_interrupt);
  raised_ = false;
  return !disk_.failed(process_);
}

void EmulatedDisk::host_tick() {
  if (running_ && disk_.finished(process_)) ++ticks_;
}

void EmulatedDisk::process() {
  if (requested_) {
    requested_ = false;
    running_ = true;
    ticks_ = 0;
    host_.paths().spend(file_.host_wake * file_.disk_thread_switches);
    disk_.begin(process_, request_.direction, request_.sector, request_.sectors);
  }
  if (!noticed()) return;
  running_ = false;
  raised_ = true;
}

}  // namespace guest
