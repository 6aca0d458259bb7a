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
};

// By guest, in the order of its disks. A disk without an offset begins where the one before it ends, whichever guest
// has that. Throws SpecError: no drive, too little room, an overlap unless both disks are read-only.
std::vector<std::vector<Partition>> lay_out_disks(const HostSpec& spec);

// The kernel swaps to the one that is for it, the last if there are several.
void use_swap(Kernel& kernel, const std::vector<std::vector<Partition>>& disks);
// Of one kernel that has them all.
void add_disks(Kernel& kernel, BlockDriver& driver, const std::vector<std::vector<Partition>>& disks);

}  // namespace guest
