// Faults that a test plants in the guest kernel: each leaves out one rule of swapping, and the checker that knows what
// is in every page must find it (tests/planted/swap_faults.cpp). In every other build the condition is a constant
// `false`.
#pragma once

#ifdef RINGZERO_PLANTED_FAULTS

namespace guest {

enum class Fault {
  none,
  slot_not_shared,      // fork does not count the child's entry as a user of its slot
  slot_freed_early,     // one of several users gives it up, and it is free
  dirty_page_dropped,   // a page of the swap cache is given up before it was written
  shared_page_written,  // a page that comes back may be written although another process has it too
  count
};

inline Fault planted_fault = Fault::none;

}  // namespace guest

#define GUEST_PLANTED(fault) (::guest::planted_fault == ::guest::Fault::fault)

#else

#define GUEST_PLANTED(fault) false

#endif
