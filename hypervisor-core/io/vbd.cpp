#include "io/vbd.h"

#include "base/planted.h"

namespace hv {

u64 Vbd::sectors() const {
  u64 sum = 0;
  for (u32 i = 0; i < extent_count; ++i) sum += extents[i].sectors;
  return sum;
}

u32 Vbd::translate(const Extent& wanted, Extent (&parts)[kMaxExtents]) const {
  u64 skip = wanted.sector, left = wanted.sectors;
  u32 count = 0;
  for (u32 i = 0; i < extent_count && left != 0; ++i) {
    const Extent& extent = extents[i];
    if (skip >= extent.sectors) {
      skip -= extent.sectors;
      continue;
    }
    const u64 here = extent.sectors - skip, part = left < here || HV_PLANTED(beyond_extent) ? left : here;
    parts[count++] = {extent.sector + skip, part};
    skip = 0;
    left -= part;
  }
  return left == 0 ? count : 0;
}

void BlockCounts::add(const BlockCounts& more) {
  for (u32 i = 0; i < sizeof by_status / sizeof *by_status; ++i) by_status[i] += more.by_status[i];
  dropped += more.dropped;
}

u64 BlockCounts::total() const {
  u64 sum = dropped;
  for (const u64 n : by_status) sum += n;
  return sum;
}

BlockInterface::BlockInterface() {
  for (WaitingWrite& place : places) free_places.push_back(place);
}

Vbd* BlockInterface::find(u32 id) {
  for (Vbd& vbd : vbds)
    if (vbd.in_use && vbd.id == id) return &vbd;
  return nullptr;
}

}  // namespace hv
