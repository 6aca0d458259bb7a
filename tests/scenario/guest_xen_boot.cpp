#include <doctest/doctest.h>

#include <numeric>

#include "support/guest_host.h"

namespace {

using guest::System;
using sim::Duration;

constexpr std::int64_t kHertz = 2'400'000'000;

std::string refusal(guest::HostSpec spec) {
  try {
    guest::Host host{std::move(spec)};
    host.boot();
  } catch (const guest::SpecError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("domain 0 builds one domain through hypercalls; it computes, ticks and leaves nothing unaccounted") {
  guest::Host host{test::host_of(System::xen, {test::computing_guest("a")})};
  host.boot();
  CHECK(host.booted_at() < sim::Time::at(Duration::seconds(1)));
  CHECK(!host.audit());
  host.run_for(Duration::seconds(2));
  CHECK(host.useful_cycles(0) > 2 * kHertz * 99 / 100);
  CHECK(host.useful_cycles(0) < 2 * kHertz);
  // 200 ticks, each an interrupt, an upcall and the guest's tick: some thousand cycles, not some hundred thousand.
  const std::int64_t hypervisor = test::count_of(host, "cpu.0.hypervisor");
  const std::int64_t kernel = test::count_of(host, "cpu.0.guest_kernel");
  CHECK(hypervisor > 200 * 1'000);
  CHECK(hypervisor < 200 * 10'000);
  CHECK(kernel > 200 * 500);
  CHECK(kernel < 200 * 10'000);
  CHECK(!host.audit());
}

TEST_CASE("domains on one CPU share it equally at the standard weight, and by weight at others") {
  guest::Host equal{test::host_of(System::xen, {test::computing_guest("a"), test::computing_guest("b")})};
  equal.boot();
  equal.run_for(Duration::seconds(4));
  const double sum = static_cast<double>(equal.useful_cycles(0) + equal.useful_cycles(1));
  CHECK(static_cast<double>(equal.useful_cycles(0)) / sum == doctest::Approx(0.5).epsilon(0.02));
  CHECK(!equal.audit());

  auto spec = test::host_of(System::xen, {test::computing_guest("light"), test::computing_guest("heavy")});
  spec.guests[1].weight = 768;
  guest::Host weighted{std::move(spec)};
  weighted.boot();
  weighted.run_for(Duration::seconds(4));
  CHECK(static_cast<double>(weighted.useful_cycles(1)) / static_cast<double>(weighted.useful_cycles(0)) ==
        doctest::Approx(3).epsilon(0.12));
}

TEST_CASE("two domains on two CPUs have one each, and switching costs nobody anything") {
  guest::Host host{test::host_of(System::xen, {test::computing_guest("a"), test::computing_guest("b")}, 2)};
  host.boot();
  host.run_for(Duration::seconds(2));
  CHECK(host.useful_cycles(0) > 2 * kHertz * 99 / 100);
  CHECK(host.useful_cycles(1) > 2 * kHertz * 99 / 100);
  CHECK(!host.audit());
}

TEST_CASE("each switch displaces the cache of the others: two domains on a CPU do less than one") {
  const auto useful = [](std::uint32_t domains) {
    std::vector<guest::GuestSpec> guests;
    for (std::uint32_t i = 0; i < domains; ++i) guests.push_back(test::computing_guest("g" + std::to_string(i)));
    guest::Host host{test::host_of(System::xen, std::move(guests))};
    host.boot();
    host.run_for(Duration::seconds(2));
    std::int64_t sum = 0;
    for (std::uint32_t i = 0; i < domains; ++i) sum += host.useful_cycles(i);
    return static_cast<double>(sum) / (2.0 * kHertz);
  };
  const double one = useful(1), two = useful(2), eight = useful(8);
  CHECK(one > 0.99);
  CHECK(two < one - 0.01);
  CHECK(eight < two);
  CHECK(eight > 0.9);
}

TEST_CASE("an idle host is idle, but for a timer now and then") {
  auto quiet = test::echo_guest("quiet");
  guest::Host host{test::host_of(System::xen, {quiet})};
  host.boot();
  host.run_for(Duration::seconds(20));
  CHECK(test::count_of(host, "cpu.0.idle") > 20 * kHertz / 1'000 * 999);
  // kupdated of two kernels every 5 s: blocked domains get no ticks.
  CHECK(test::count_of(host, "guest.quiet.switches_in") <= 10);
  CHECK(!host.audit());
}

TEST_CASE("the same xen host gives the same fingerprint") {
  const auto run = [] {
    auto spec = test::host_of(System::xen, {test::computing_guest("a"), test::echo_guest("b")}, 2);
    spec.clients = {test::fixed_client("b", Duration::milliseconds(3))};
    guest::Host host{std::move(spec)};
    host.boot();
    host.run_for(Duration::milliseconds(500));
    return host.fingerprint();
  };
  CHECK(run() == run());
}

TEST_CASE("what cannot be built is refused with the guest's name and the reason") {
  const auto with = [](auto change) {
    auto spec = test::host_of(System::xen, {test::computing_guest("web")});
    change(spec);
    return refusal(std::move(spec));
  };
  CHECK(with([](auto& s) { s.guests[0].memory_bytes = 2 << 20; }) ==
        "web: 2.0 MiB of memory is too small: its kernel and programs need 5.7 MiB");
  CHECK(with([](auto& s) { s.guests[0].memory_bytes = (16 << 20) + 1; }) == "web: memory must be whole pages of 4 KiB");
  CHECK(with([](auto& s) { s.guests[0].vcpus = 9; }).find("web: 9 virtual CPUs") == 0);
  CHECK(with([](auto& s) { s.guests[0].cpus = guest::CpuSet::only(7); }) ==
        "web: CPU 7 does not exist; the host has 0 to 0");
  CHECK(with([](auto& s) { s.guests[0].weight = 0; }).find("web: weight 0") == 0);
  CHECK(with([](auto& s) { s.guests[0].programs = {guest::ComputeSettings{"nothing"}}; }) ==
        "web: no profile \"nothing\"; there is: cint2000");
  CHECK(with([](auto& s) { s.guests.push_back(s.guests[0]); }) == "web: two guests have this name");
  const auto foreign = [](auto&) { return 0u; };
  CHECK(with([&](auto& s) { s.guests[0].kernel = foreign; }) ==
        "web: a kernel that is not ours does not run our programs");
  CHECK(with([&](auto& s) {
          s.guests[0].kernel = foreign;
          s.guests[0].programs.clear();
          s.system = System::native;
        }) == "web: a kernel that is not ours needs a domain: system xen");
  CHECK(with([](auto& s) { s.cpus = 3; }).find("host: 3 CPUs") == 0);
  CHECK(with([](auto& s) { s.scheduler = "cfs"; }).find("host: no scheduler \"cfs\"; there is: ") == 0);
  CHECK(with([](auto& s) { s.variant = "mine"; }).find("host: scheduler \"bvt\" has no variant \"mine\"") == 0);
  CHECK(with([](auto& s) { s.domain0_memory = 1 << 20; }).find("domain 0: ") == 0);
  CHECK(with([](auto& s) { s.clients = {test::fixed_client("web", Duration::seconds(1))}; }) ==
        "client 0: guest \"web\" has no network");
  CHECK(with([](auto& s) { s.clients = {test::fixed_client("wbe", Duration::seconds(1))}; }) ==
        "client 0: no guest \"wbe\"");

  std::vector<guest::GuestSpec> many;
  for (int i = 0; i < 60'000; ++i) many.push_back(test::computing_guest("g" + std::to_string(i)));
  CHECK(refusal(test::host_of(System::xen, std::move(many))).find("g125: 16.0 MiB do not fit any more: ") == 0);
}

TEST_CASE("when the hypervisor itself refuses, the builder says which step and with what") {
  // 2048 MiB less 16 for the hypervisor and 32 for domain 0, taken to the last page: nothing is left for the core's
  // own.
  auto spec = test::host_of(
      System::xen, {test::computing_guest("a", 896), test::computing_guest("b", 896), test::computing_guest("c", 208)});
  CHECK(refusal(std::move(spec)) == "c: the hypervisor refused create_domain with error 12");
}
