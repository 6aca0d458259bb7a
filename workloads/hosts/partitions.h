// Which part of the host's drive is behind each disk of each guest.
#pragma once

#include <string>
#include <vector>

#include "workloads/spec.h"

namespace guest {

class BlockDriver;
class Kernel;

struct Partition {
  std::string name;  // "guest/disk"
  std::uint64_t first_sector, sectors;
  bool writable;
  bool swap = false;
  bool ordered_data = true;
};

// By guest, in the order of its disks. A disk without an offset begins where the one before it ends, whichever guest
// has that. Throws SpecError: no drive, too little room, an overlap unless both disks are read-only.
std::vector<std::vector<Partition>> lay_out_disks(const HostSpec& spec);

// Tells the kernel, before it has any, what they are for: it swaps to the one that is for it, the last if there are
// several; and how their file systems are mounted.
void announce_disks(Kernel& kernel, const std::vector<std::vector<Partition>>& disks);
// The same, of one kernel that has them all, and adds them.
void add_disks(Kernel& kernel, BlockDriver& driver, const std::vector<std::vector<Partition>>& disks);

}  // namespace guest
