#include "workloads/ports/vmware/guest_memory.h"

#include "workloads/ports/page_entry.h"

namespace guest {

void GuestMemory::check(GuestFrame frame) const {
  if (frame.number() >= frames_) machine_.stop("the guest maps memory that its machine does not have");
}

GuestMemory::Walk GuestMemory::walk(GuestFrame directory, u32 address) const {
  Walk result;
  const u32 upper = load(directory, slot_of(address));
  if ((upper & hv::kEntryPresent) == 0) return result;
  result.large = (upper & hv::kEntryLarge) != 0;
  result.leaf_table = result.large ? directory : GuestFrame{upper >> hv::kPageShift};
  result.leaf_index = result.large ? slot_of(address) : index_in_table(address);
  check(result.leaf_table);
  const u32 leaf = load(result.leaf_table, result.leaf_index);
  if ((leaf & hv::kEntryPresent) == 0) return result;
  result.frame = GuestFrame{(leaf >> hv::kPageShift) + (result.large ? index_in_table(address) : 0)};
  check(result.frame);
  result.present = true;
  result.rights.writable = (upper & leaf & hv::kEntryWritable) != 0;
  result.rights.user = (upper & leaf & hv::kEntryUser) != 0;
  result.dirty = (leaf & hv::kEntryDirty) != 0;
  return result;
}

void GuestMemory::mark_used(GuestFrame directory, u32 address, const Walk& walk, bool written) {
  set_bits(directory, slot_of(address), hv::kEntryAccessed);
  set_bits(walk.leaf_table, walk.leaf_index, hv::kEntryAccessed | (written ? hv::kEntryDirty : 0));
}

}  // namespace guest
