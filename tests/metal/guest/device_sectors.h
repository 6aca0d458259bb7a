// The sectors that the part `devices` uses: whose they are, and what their owners write there. wire.py knows it too.
#pragma once

#include "metal/guest/devices.h"

namespace guest {

inline constexpr u32 kSectorWords = 128, kSectorsPerPage = 8;
inline constexpr u32 kDisk = 1, kReadOnlyDisk = 2, kOrderedDisk = 8, kWholeDisk = 9;  // names of virtual block devices

// Where the two domains' sectors are: two pieces each, between each other.
inline constexpr DiskPlace kPlaces[3][2] = {{}, {{64, 44}, {200, 20}}, {{108, 52}, {160, 12}}};
inline constexpr DiskPlace kReadOnlyPlace = {400, 8}, kOrderedPlace = {500, 3};
inline constexpr u32 kDiskSectors = 64;  // of either

// A sector's words, by who wrote them: a domain, its own sector; or nobody, the disk's. wire.py makes the disk so.
inline constexpr u32 kNobody = 0xff;
constexpr u32 pattern(u32 writer, u32 sector, u32 index) { return writer << 24 | sector << 8 | index; }

// Sectors in a page of the kernel's map: `writer` writes them, or has written them, from its own `sector` on.
inline void fill(u32 page, u32 writer, u32 sector, u32 sectors) {
  for (u32 i = 0; i < sectors * kSectorWords; ++i)
    at<u32>(page_address(page))[i] = pattern(writer, sector + i / kSectorWords, i % kSectorWords);
}
inline bool holds(u32 page, u32 writer, u32 sector, u32 sectors, u32 first = 0) {
  const u32* words = at<u32>(page_address(page)) + first * kSectorWords;
  for (u32 i = 0; i < sectors * kSectorWords; ++i)
    if (words[i] != pattern(writer, sector + i / kSectorWords, i % kSectorWords)) return false;
  return true;
}

}  // namespace guest
