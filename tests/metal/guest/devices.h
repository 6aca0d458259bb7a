// What domain 0 gives another domain of the PC's devices.
#pragma once

#include "interface/block.h"
#include "metal/guest/kernel.h"

namespace guest {

struct DiskPlace {
  u32 sector, sectors;
};
// A virtual block device of these extents.
bool give_disk(u32 domain, u32 name, VbdAccess access, const DiskPlace* places, u32 count);
// A virtual interface, and the two rules that let packets through which have the domain's address (packets.h).
bool give_network(u32 domain);

// Names of virtual block devices, and sectors of the attacker's two.
inline constexpr u32 kAttackerDisk = 1, kAttackerReadOnlyDisk = 2, kOthersDisk = 3, kAttackerSectors = 8;

}  // namespace guest
