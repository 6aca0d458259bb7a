// The test of the attack on the memory interface: each rule of the core left out once, and the attack must notice.
//
// Built from the core's sources with RINGZERO_PLANTED_FAULTS; see hypervisor-core/base/planted.h. With RINGZERO_SHORTEN
// set it also shortens what it found and prints the table of docs/memory-virtualization.md.
#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "base/planted.h"
#include "support/random_commands.h"

using namespace test;

namespace {

struct Planted {
  hv::Fault fault;
  const char* name;
};
#define FAULT(name) \
  Planted { hv::Fault::name, #name }
constexpr Planted kFaults[] = {
    FAULT(l1_forbidden_bits),
    FAULT(l1_forbidden_bits_changed),
    FAULT(l2_forbidden_bits),
    FAULT(mapping_of_any_owner),
    FAULT(writable_mapping_untyped),
    FAULT(table_of_any_owner),
    FAULT(self_map_writable),
    FAULT(self_map_becomes_writable),
    FAULT(hypervisor_slots),
    FAULT(type_changes_in_use),
    FAULT(contents_not_validated),
    FAULT(contents_not_released),
    FAULT(l1_not_undone),
    FAULT(l2_not_undone),
    FAULT(l1_old_entry_kept),
    FAULT(l2_old_entry_kept),
    FAULT(count_after_validation),
    FAULT(request_on_any_frame),
    FAULT(pinned_twice),
    FAULT(unpinned_unpinned),
    FAULT(base_of_any_owner),
    FAULT(old_base_kept),
    FAULT(foreign_domain_unprivileged),
    FAULT(foreign_domain_stays),
    FAULT(reassigned_in_use),
    FAULT(store_without_reference),
    FAULT(no_flush_on_retype),
    FAULT(no_flush_on_balloon),
    FAULT(no_flush_on_reassign),
    FAULT(no_flush_on_delivery),
    FAULT(no_flush_of_orphans),
    FAULT(no_flush_elsewhere),
    FAULT(gdt_of_any_owner),
    FAULT(descriptors_not_validated),
    FAULT(expand_down_segment),
    FAULT(update_descriptor_unsafe),
    FAULT(reserved_descriptor),
    FAULT(ldt_of_any_owner),
    FAULT(ldt_shadow_kept),
    FAULT(gdt_kept),
    FAULT(balloon_in_use),
    FAULT(balloon_of_any_owner),
    FAULT(buffer_in_use),
    FAULT(stack_of_any_ring),
    FAULT(breakpoint_anywhere),
    FAULT(pins_kept_at_death),
};
#undef FAULT
static_assert(std::size(kFaults) + 1 ==
              static_cast<std::size_t>(hv::Fault::spoofed_source));  // the network's have a test of their own

constexpr std::uint64_t kMostSequences = 400;

// Commands until the fault showed, over as many sequences as that took; 0: it did not.
std::uint64_t commands_until_found(const Planted& planted) {
  std::uint64_t performed = 0;
  for (std::uint64_t seed = 1; seed <= kMostSequences; ++seed) {
    const std::vector<Command> commands = random_commands(seed);
    const Outcome outcome = perform_all(commands);
    performed += outcome.performed;
    if (outcome.failure.empty()) continue;
    if (std::getenv("RINGZERO_SHORTEN") != nullptr) {
      const std::vector<Command> shorter = shortened({commands.data(), outcome.performed});
      const Outcome shown = perform_all(shorter);
      std::printf("| `%s` | %llu | %zu | %s |\n", planted.name, static_cast<unsigned long long>(performed),
                  shorter.size(), shown.failure.c_str());
    }
    return performed;
  }
  return 0;
}

}  // namespace

TEST_CASE("every rule of the memory interface that is left out is found by the attack") {
  std::uint64_t all = 0;
  for (const Planted& planted : kFaults) {
    INFO(std::string{planted.name});
    hv::planted_fault = planted.fault;
    const std::uint64_t commands = commands_until_found(planted);
    CHECK(commands != 0);
    all += commands;
  }
  hv::planted_fault = hv::Fault::none;
  MESSAGE(std::size(kFaults), " faults, found after ", all, " commands in all");
}

TEST_CASE("with no fault planted this build of the core is in order") {
  hv::planted_fault = hv::Fault::none;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) CHECK(perform_all(random_commands(seed)).failure == "");
}
