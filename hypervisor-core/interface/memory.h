// The batched memory-management call: what a guest puts into a request. (Codes of Xen 2.0.)
#pragma once

#include "base/types.h"

namespace hv {

inline constexpr u32 kMaxMmuUpdates = 2048;  // per hypercall; the paper's batch, 8 MB of address space

struct MmuUpdate {
  u32 pointer;  // bits 1..0: MmuRequest; the rest: machine address of a page-table entry, or a frame's address
  u32 value;
};
static_assert(sizeof(MmuUpdate) == 8);

enum class MmuRequest : u32 {
  update_entry = 0,  // [pointer] := value, by the type of the frame that holds the entry
  update_m2p = 2,    // machine-to-physical table: M2P[frame of pointer] := value
  extended = 3,      // value bits 7..0: MmuCommand
};

enum class MmuCommand : u32 {
  pin_l1 = 0,
  pin_l2 = 1,
  unpin = 4,
  new_base_pointer = 5,  // frame of pointer becomes the page-table base
  flush_tlb = 6,         // at the end of the batch
  invalidate_page = 7,   // pointer is the virtual address
  set_ldt = 9,           // pointer: page-aligned linear address; value >> 8: entries
  // Privileged. Until the end of the batch the other requests may also name frames of domain value >> 16.
  set_foreign_domain = 10,
  clear_foreign_domain = 11,
  reassign_page = 13,  // privileged: an unused frame of the caller's goes to the foreign domain
};

// Flags of update_va_mapping.
inline constexpr u32 kVaFlushTlb = 1, kVaInvalidate = 2;

enum class DomMemOp : u32 { increase = 0, decrease = 1 };

}  // namespace hv
