// The page walk of a 32-bit x86: two levels of real page-table words in simulated RAM, with 4 MB pages and global pages
// on (CR4.PSE, CR4.PGE).
//
// Rights follow the Intel manual: rings 0 to 2 are the supervisor, ring 3 the user; a page is writable or a user's only
// if both levels say so; a supervisor's write minds the writable bit only when CR0.WP is set.
#pragma once

#include <array>
#include <cstdint>

#include "hardware/registers.h"
#include "interface/layout.h"
#include "model/memory.h"

namespace model {

struct Access {
  bool write = false;
  bool user = false;  // from ring 3
};

// What a translation allows, over both levels; the part of it that a TLB keeps.
struct Rights {
  bool writable = false;
  bool user = false;

  constexpr bool allow(Access access, bool write_protect = true) const {
    if (access.user && !user) return false;
    return !access.write || writable || (!access.user && !write_protect);
  }
};

struct Walk {
  bool translated = false;
  hv::u32 error_code = 0;  // of the page fault, if not translated
  hv::MachineFrame frame;  // of the 4 kB page that holds the address, also inside a large page
  Rights rights;
  bool large = false;
  bool global = false;
  bool dirty = false;  // of the leaf, after this access

  // For its cost: entries read, outermost first, and accessed or dirty bits that had to be set (locked operations).
  hv::u32 levels_read = 0;
  std::array<hv::u32, 2> entry_address{};
  hv::u32 entries_updated = 0;
};

// Walks the tables under `directory` for one access. Sets accessed bits in the entries used, and the dirty bit of the
// leaf on a write, only if the access is allowed.
Walk walk(PhysicalMemory& memory, hv::MachineFrame directory, hv::u32 address, Access access,
          bool write_protect = true);

}  // namespace model
