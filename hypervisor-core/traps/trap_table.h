// The guest's trap table: where it wants its exceptions delivered.
#pragma once

#include "base/types.h"
#include "hardware/registers.h"
#include "interface/hypercalls.h"

namespace hv {

struct TrapTable {
  TrapEntry entries[256] = {};  // address 0: no handler
};

// Whether a guest may be entered at this code selector: the flat ring-1 one, or any of its own with RPL 1. Entries 256
// to 295 of the GDT are the hypervisor's; the RPL keeps ring 0 out, whatever the descriptor says.
constexpr bool valid_code_selector(u32 selector) {
  if (selector == hw::kRing1Cs) return true;
  const bool local_table = (selector & 4) != 0;
  const u32 index = selector >> 3;
  return selector <= 0xffff && (selector & 3) == 1 && (local_table || index < 256 || index > 295);
}

}  // namespace hv
