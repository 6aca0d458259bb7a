// Pages that were swapped out hold what their processes have stored (support/swap_checker.h).
#include <doctest/doctest.h>

#include "support/swap_checker.h"

using namespace test::swap;

namespace {

void check_end(const World& world, guest::Kernel& kernel) {
  CHECK(world.memory.empty());
  CHECK(world.checked > 10'000);
  CHECK(world.found_in_swap > 100);
  CHECK(kernel.swap().counts().pages_out > 500);
  CHECK(kernel.swap().counts().pages_in > 50);
  CHECK(kernel.reclaim().out_of_memory().kills() == 0);
}

}  // namespace

TEST_CASE("xen: pages that were swapped out hold what their processes have stored, through 1.5 times the memory") {
  for (u64 seed = 1; seed <= 2; ++seed) {
    CAPTURE(seed);
    World world{seed};
    CHECK(on_xen(world, seed == 1 ? kScarce : kAmple, [&](guest::Kernel& kernel) { check_end(world, kernel); }) == "");
  }
}

TEST_CASE("native: the same on bare hardware with 24 MB, whose kernel has 8 of them") {
  model::MachineFile small = test::dell2650();
  small.memory.size = 24 << 20;
  World world{3};
  world.tags.name_swap("native/swap");
  test::NativeKernel native{{program(world, 2600), program(world, 2600)}, 1, small, &kScarce};
  world.audit = [&] { return native.port().audit(); };
  native.run();
  check_end(world, native.kernel());
}
