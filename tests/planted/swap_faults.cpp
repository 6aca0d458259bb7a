// The test of the test of swapping: each rule left out once, and the checker that knows what is in every page must
// notice, or the kernel's own audit.
#include <doctest/doctest.h>

#include <iterator>
#include <string>

#include "support/swap_checker.h"
#include "workloads/kernel/planted.h"

namespace {

struct Planted {
  guest::Fault fault;
  const char* name;
};
#define FAULT(name) \
  Planted { guest::Fault::name, #name }
constexpr Planted kFaults[] = {FAULT(slot_not_shared), FAULT(slot_freed_early), FAULT(dirty_page_dropped),
                               FAULT(shared_page_written)};
#undef FAULT
static_assert(std::size(kFaults) + 1 == static_cast<std::size_t>(guest::Fault::count));

std::string found(guest::Fault fault, guest::u64 seed) {
  guest::planted_fault = fault;
  test::swap::World world{seed};
  const std::string wrong =
      test::swap::on_xen(world, seed % 2 == 1 ? test::swap::kScarce : test::swap::kAmple, [](guest::Kernel&) {});
  guest::planted_fault = guest::Fault::none;
  return wrong;
}

}  // namespace

TEST_CASE("every rule of swapping that is left out is found") {
  for (const Planted& planted : kFaults) {
    INFO(std::string{planted.name});
    std::string wrong;
    guest::u64 seed = 0;
    while (wrong.empty() && seed < 4) wrong = found(planted.fault, ++seed);
    CHECK(wrong != "");
    MESSAGE(std::string{planted.name}, ", after ", seed, " runs: ", wrong);
  }
}

TEST_CASE("with no fault planted this build of the kernel is in order") {
  for (guest::u64 seed = 1; seed <= 2; ++seed) CHECK(found(guest::Fault::none, seed) == "");
}
