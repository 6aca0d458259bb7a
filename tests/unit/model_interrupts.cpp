#include "model/interrupts.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>

namespace {

// What the CPUs were told: "+cpu:line" pending, "-cpu:line" not any more.
struct Fixture {
  std::string told;
  model::InterruptRouter router{[this](hv::CpuId cpu, hv::u32 line, bool pending) {
    told += fmt::format("{}{}:{} ", pending ? '+' : '-', cpu, line);
  }};
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "lines start masked; unmasking an asserted line makes it pending") {
  router.assert_line(16);
  CHECK(told == "");
  router.unmask(16);
  CHECK(told == "+0:16 ");
  router.mask(16);
  router.mask(16);
  CHECK(told == "+0:16 -0:16 ");
}

TEST_CASE_FIXTURE(Fixture, "asserting twice is one interrupt; deasserting takes it back") {
  router.unmask(17);
  router.assert_line(17);
  router.assert_line(17);
  router.deassert_line(17);
  router.deassert_line(17);
  CHECK(told == "+0:17 -0:17 ");
}

TEST_CASE_FIXTURE(Fixture, "a pending line that is routed elsewhere moves") {
  router.route(63, 1);
  router.unmask(63);
  router.assert_line(63);
  router.route(63, 1);
  router.route(63, 0);
  CHECK(told == "+1:63 -1:63 +0:63 ");
}

TEST_CASE_FIXTURE(Fixture, "a line still asserted at the end of the interrupt is pending again") {
  router.unmask(16);
  router.assert_line(16);
  router.end_of_interrupt(16);
  router.deassert_line(16);
  router.end_of_interrupt(16);
  CHECK(told == "+0:16 +0:16 -0:16 ");
}

TEST_CASE_FIXTURE(Fixture, "lines do not disturb each other") {
  router.unmask(16);
  router.unmask(20);
  router.route(20, 1);
  router.assert_line(20);
  router.assert_line(16);
  router.mask(16);
  CHECK(router.asserted(20));
  CHECK(told == "+1:20 +0:16 -0:16 ");
}
