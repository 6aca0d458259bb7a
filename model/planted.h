// Faults that a test plants in the model: each leaves out one thing that hardware does, and the comparison with a PC
// must find it (tests/metal). In every other build the condition is a constant `false`.
#pragma once

#ifdef RINGZERO_PLANTED_FAULTS

namespace model {

enum class Fault {
  none,
  // rights
  directory_writable_ignored,  // only the page table says what may be written
  directory_user_ignored,      // and what ring 3 may use
  write_protect_off,           // the supervisor writes read-only pages
  segment_end_ignored,         // and beyond its segments
  copies_with_user_rights,     // the core's copies are made as if ring 3 asked
  // accessed and dirty bits
  accessed_not_set,
  directory_accessed_not_set,
  dirty_not_set,
  dirty_not_set_on_hit,  // a page that was read first
  // what a fault says
  code_without_present,
  code_without_write,
  code_without_user,
  // translation look-aside buffer
  invalidate_ignored,
  base_load_keeps_translations,
  count
};

inline Fault planted_fault = Fault::none;

}  // namespace model

#define MODEL_PLANTED(fault) (::model::planted_fault == ::model::Fault::fault)

#else

#define MODEL_PLANTED(fault) false

#endif
