// The page a guest finds at ESI when it starts: what it was given, and where.
//
// A freshly built domain has this pseudo-physical layout, all of it mapped from kGuestKernelStart up, page p at
// kGuestKernelStart + p * 4 kB:
//   page 0                       StartInfo
//   pages 1 .. list_pages        u32 machine frame of each page (the physical-to-machine list)
//   table_first .. +table_pages  page tables: the L1s of the kernel's map in order, last the directory; read-only
//   first_free_page ..           free; the last free page is the boot stack
// The page after the last is the shared-info page, and the L1s reach at least kSparePages further: entries that the
// guest may fill with update_va_mapping (VIF rings, its own shared mappings) without building a table.
#pragma once

#include "base/types.h"

namespace hv {

inline constexpr u32 kGuestKernelStart = 0xc0000000;
inline constexpr u32 kSparePages = 64;

inline constexpr u32 kStartMagic = 0x52695a30;
inline constexpr u32 kStartPrivileged = 1u << 0;  // flags: domain 0

struct StartInfo {
  u32 magic;  // kStartMagic
  u32 domain_id;
  u32 flags;
  u32 vcpus;
  u32 pages;                // pseudo-physical pages, one per frame given
  u32 shared_info;          // machine address of the SharedInfo page
  u32 shared_info_address;  // and where it is mapped: kGuestKernelStart + pages * 4 kB
  u32 frame_list_address;   // virtual address of the physical-to-machine list
  u32 list_pages;
  u32 table_first, table_pages;
  u32 directory_frame;  // machine frame of the page directory
  u32 first_free_page;
  u32 spare_address;  // first virtual address of the spare entries
  u32 vifs;           // interfaces that existed when the domain was built
};

}  // namespace hv
