#include "metal/hosted/planted_faults.h"

#ifdef RINGZERO_PLANTED_FAULTS

#include "base/planted.h"
#include "model/planted.h"

namespace hosted {

namespace {

template <class Fault>
struct Named {
  const char* name;
  Fault fault;
};
#define CORE(name) \
  { #name, hv::Fault::name }
// All of the memory interface but those that only a second CPU, or only the network, could show; and of the virtual
// block devices those that a disk shows which has one command at a time.
constexpr Named<hv::Fault> kCore[] = {
    CORE(l1_forbidden_bits),
    CORE(l1_forbidden_bits_changed),
    CORE(l2_forbidden_bits),
    CORE(mapping_of_any_owner),
    CORE(writable_mapping_untyped),
    CORE(table_of_any_owner),
    CORE(self_map_writable),
    CORE(self_map_becomes_writable),
    CORE(hypervisor_slots),
    CORE(type_changes_in_use),
    CORE(contents_not_validated),
    CORE(contents_not_released),
    CORE(l1_not_undone),
    CORE(l2_not_undone),
    CORE(l1_old_entry_kept),
    CORE(l2_old_entry_kept),
    CORE(request_on_any_frame),
    CORE(pinned_twice),
    CORE(unpinned_unpinned),
    CORE(base_of_any_owner),
    CORE(foreign_domain_unprivileged),
    CORE(foreign_domain_stays),
    CORE(reassigned_in_use),
    CORE(store_without_reference),
    CORE(no_flush_on_retype),
    CORE(no_flush_on_balloon),
    CORE(no_flush_on_reassign),
    CORE(gdt_of_any_owner),
    CORE(descriptors_not_validated),
    CORE(expand_down_segment),
    CORE(update_descriptor_unsafe),
    CORE(reserved_descriptor),
    CORE(ldt_shadow_kept),
    CORE(gdt_kept),
    CORE(balloon_in_use),
    CORE(balloon_of_any_owner),
    CORE(stack_of_any_ring),
    CORE(breakpoint_anywhere),
    CORE(pins_kept_at_death),
    CORE(read_only_written),
    CORE(beyond_extent),
    CORE(read_into_any_type),
    CORE(block_frames_kept),
    CORE(barrier_early),
    CORE(barrier_passed),
    CORE(payload_of_any_owner),
};
#undef CORE
#define MODEL(name) \
  { #name, model::Fault::name }
constexpr Named<model::Fault> kModel[] = {
    MODEL(directory_writable_ignored), MODEL(directory_user_ignored),
    MODEL(write_protect_off),          MODEL(segment_end_ignored),
    MODEL(copies_with_user_rights),    MODEL(accessed_not_set),
    MODEL(directory_accessed_not_set), MODEL(dirty_not_set),
    MODEL(dirty_not_set_on_hit),       MODEL(code_without_present),
    MODEL(code_without_write),         MODEL(code_without_user),
    MODEL(invalidate_ignored),         MODEL(base_load_keeps_translations),
};
#undef MODEL

}  // namespace

bool plant(const std::string& name) {
  hv::planted_fault = hv::Fault::none;
  model::planted_fault = model::Fault::none;
  if (name == "none") return true;
  for (const auto& each : kCore)
    if (name == std::string{"core:"} + each.name) return hv::planted_fault = each.fault, true;
  for (const auto& each : kModel)
    if (name == std::string{"model:"} + each.name) return model::planted_fault = each.fault, true;
  return false;
}

std::vector<std::string> fault_names() {
  std::vector<std::string> names;
  for (const auto& each : kCore) names.push_back(std::string{"core:"} + each.name);
  for (const auto& each : kModel) names.push_back(std::string{"model:"} + each.name);
  return names;
}

}  // namespace hosted

#else

namespace hosted {

bool plant(const std::string& name) { return name == "none"; }
std::vector<std::string> fault_names() { return {}; }

}  // namespace hosted

#endif
