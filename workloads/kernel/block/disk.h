// A disk as file systems and programs know it: all of a block device, or a partition of it.
#pragma once

#include <string>

#include "workloads/kernel/block/request_queue.h"

namespace guest {

struct Disk {
  std::string name;
  RequestQueue& queue;
  u64 first_sector;  // on the device: what Buffer::sector counts from is the device's beginning
  u64 sectors;
  bool writable;
};

}  // namespace guest
