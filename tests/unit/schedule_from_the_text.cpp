// The scheduler that docs/adding-a-scheduler.md prints, built from that page, with the test that it prints.
#include <doctest/doctest.h>

#include "schedule/registry.h"
#include "support/policy_host.h"

#include "test_from_the_text.inc"

TEST_CASE("stride: a vCPU that slept does not make up for it, and takes the CPU from one that is ahead") {
  test::NamedPolicyHost host{"stride", "plain", 1};
  hv::Vcpu &busy = host.create(), &sleeper = host.create();
  host.wake(busy);
  host.run_until(1005 * test::kMillisecond);  // in the middle of a slice
  host.wake(sleeper);
  CHECK(host.states.running(sleeper) == false);  // it has the pass of who runs: no lower
  host.run_until(2005 * test::kMillisecond);
  const double got = static_cast<double>(host.ran(sleeper));
  CHECK(got == doctest::Approx(500e6).epsilon(0.03));  // half of the second since, not all of it
}

TEST_CASE("the page's scheduler stands in the list beside those that are built in") {
  bool there = false;
  for (hv::u32 i = 0; i < hv::scheduler_count(); ++i) there |= std::string{hv::scheduler_entry(i).name} == "stride";
  CHECK(there);
  CHECK(hv::scheduler_count() > 2);
}
