// Faults that the test of the tests plants in the core: each leaves out one rule, and the attack on the memory
// interface must find it (tests/planted/). In every other build the condition is a constant `false`.
#pragma once

#ifdef RINGZERO_PLANTED_FAULTS

namespace hv {

enum class Fault {
  none,
  // page tables
  l1_forbidden_bits,          // global and PAT bits are let into an L1
  l1_forbidden_bits_changed,  // and when they are all that changes
  l2_forbidden_bits,
  mapping_of_any_owner,
  writable_mapping_untyped,  // a writable mapping takes no typed reference
  table_of_any_owner,        // a directory uses tables of another domain
  self_map_writable,
  self_map_becomes_writable,
  hypervisor_slots,
  type_changes_in_use,
  contents_not_validated,  // a new type keeps the validated mark of the old
  contents_not_released,   // the last reference to a table leaves its entries counted
  l1_not_undone,           // a refused table keeps what its good entries took
  l2_not_undone,
  l1_old_entry_kept,  // replacing an entry does not drop what it referred to
  l2_old_entry_kept,
  count_after_validation,  // a table is looked at before it counts as one
  // batches and commands
  request_on_any_frame,
  pinned_twice,
  unpinned_unpinned,
  base_of_any_owner,
  old_base_kept,
  foreign_domain_unprivileged,
  foreign_domain_stays,  // after the batch
  reassigned_in_use,
  store_without_reference,  // an update of a frame that is no table does not ask what it is
  // flushes
  no_flush_on_retype,
  no_flush_on_balloon,
  no_flush_on_reassign,
  no_flush_on_delivery,
  no_flush_of_orphans,  // pages of the dead that domain 0 had mapped
  no_flush_elsewhere,   // other CPUs keep their translations
  // descriptors
  gdt_of_any_owner,
  descriptors_not_validated,
  expand_down_segment,
  update_descriptor_unsafe,
  reserved_descriptor,
  ldt_of_any_owner,
  ldt_shadow_kept,  // when the LDT is moved
  gdt_kept,         // the old GDT's pages are not dropped
  // the rest
  balloon_in_use,
  balloon_of_any_owner,
  buffer_in_use,
  stack_of_any_ring,
  breakpoint_anywhere,
  pins_kept_at_death,
  // network
  spoofed_source,        // a packet leaves that no rule lets out
  payload_of_any_owner,  // another domain's page is sent
  payload_kept,          // a page stays pinned when the card is done with it
  header_left_in_page,   // what was checked can still be changed
  packet_tail_kept,      // behind a short packet stands what the page held before
  ring_not_bounded,      // a producer index that claims more than the ring holds is believed
  // block devices
  read_only_written,
  beyond_extent,       // a request that ends beyond an extent goes on behind it, not in the next
  read_into_any_type,  // the disk may write a page table
  block_frames_kept,   // when a request ends
  barrier_early,       // with earlier writes on their way
  barrier_passed,      // by later writes
  barrier_without_flush,
  overlap_unordered,
  count
};

inline Fault planted_fault = Fault::none;

}  // namespace hv

#define HV_PLANTED(fault) (::hv::planted_fault == ::hv::Fault::fault)

#else

#define HV_PLANTED(fault) false

#endif
