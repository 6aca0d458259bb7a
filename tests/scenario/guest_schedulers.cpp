// Whole guests under every scheduler, on two CPUs: kernels that are moved between CPUs while they run, and domain 0
// changing weights, caps and CPUs through its hypercalls.
#include <doctest/doctest.h>

#include <string>

#include "schedule/registry.h"
#include "support/guest_host.h"

using guest::Host, sim::Duration;

namespace {

guest::GuestSpec weighted_guest(const std::string& name, std::uint32_t weight) {
  guest::GuestSpec spec = test::computing_guest(name);
  spec.weight = weight;
  return spec;
}

double cpu_seconds(const Host& host, const std::string& guest) {
  return static_cast<double>(test::count_of(host, "guest." + guest + ".cpu_time")) / 1e9;
}

// CPU time of a guest in the next second.
double share(Host& host, const std::string& guest) {
  const double before = cpu_seconds(host, guest);
  host.run_for(Duration::seconds(1));
  return cpu_seconds(host, guest) - before;
}

}  // namespace

TEST_CASE("guests boot and compute under every scheduler, and all conservation laws hold") {
  for (hv::u32 i = 0; i < hv::scheduler_count(); ++i) {
    const hv::SchedulerEntry& entry = hv::scheduler_entry(i);
    for (hv::u32 v = 0; v < entry.variant_count; ++v) {
      CAPTURE(std::string{entry.name} + ' ' + entry.variants[v].name);
      const bool one_each = std::string{entry.name} == "null";  // domain 0 has the other CPU
      std::vector<guest::GuestSpec> guests = {test::computing_guest("a")};
      for (const char* name : {"b", "c"})
        if (!one_each) guests.push_back(test::computing_guest(name));
      guest::HostSpec spec = test::host_of(guest::System::xen, guests, 2);
      spec.scheduler = entry.name;
      spec.variant = entry.variants[v].name;
      Host host{spec};
      host.boot();
      host.run_for(Duration::milliseconds(500));
      CHECK(host.audit().value_or("") == "");
      double sum = 0;
      for (const guest::GuestSpec& guest : guests) {
        sum += share(host, guest.name);
        CHECK(cpu_seconds(host, guest.name) > 0.1);
      }
      CHECK(sum > 0.9 * (one_each ? 1 : 2));
      CHECK(host.audit().value_or("") == "");
    }
  }
}

TEST_CASE("Credit as exact moves guests between two CPUs so that three get what their weights say") {
  guest::HostSpec spec = test::host_of(
      guest::System::xen, {weighted_guest("a", 256), weighted_guest("b", 512), weighted_guest("c", 768)}, 2);
  spec.scheduler = "credit";
  Host host{spec};
  host.boot();
  host.run_for(Duration::seconds(1));
  const double a = cpu_seconds(host, "a"), b = cpu_seconds(host, "b"), c = cpu_seconds(host, "c");
  host.run_for(Duration::seconds(4));
  CHECK(cpu_seconds(host, "a") - a == doctest::Approx(4 * 1.0 / 3).epsilon(0.03));
  CHECK(cpu_seconds(host, "b") - b == doctest::Approx(4 * 2.0 / 3).epsilon(0.03));
  CHECK(cpu_seconds(host, "c") - c == doctest::Approx(4 * 1.0).epsilon(0.03));
  CHECK(host.audit().value_or("") == "");
}

TEST_CASE("domain 0 changes weight, cap and CPUs of running guests at the times it was given") {
  guest::HostSpec spec = test::host_of(guest::System::xen, {weighted_guest("a", 256), weighted_guest("b", 256)}, 2);
  spec.scheduler = "credit";
  for (guest::GuestSpec& guest : spec.guests) guest.cpus = guest::CpuSet::only(0);
  spec.changes = {{.at = Duration::seconds(3), .domain = "a", .weight = 768},
                  {.at = Duration::seconds(5), .domain = "a", .cap = 20},
                  {.at = Duration::seconds(7), .domain = "b", .cpus = guest::CpuSet::only(1)}};
  Host host{spec};
  host.boot();
  host.run_for(Duration::milliseconds(1500));
  CHECK(share(host, "a") == doctest::Approx(0.5).epsilon(0.1));
  host.run_for(Duration::seconds(1));
  CHECK(share(host, "a") == doctest::Approx(0.75).epsilon(0.1));
  host.run_for(Duration::seconds(1));
  CHECK(share(host, "a") == doctest::Approx(0.2).epsilon(0.1));
  host.run_for(Duration::milliseconds(1500));
  CHECK(share(host, "b") == doctest::Approx(1).epsilon(0.01));
  CHECK(share(host, "a") == doctest::Approx(0.2).epsilon(0.1));
  CHECK(host.audit().value_or("") == "");
}

TEST_CASE("a change that cannot be is refused before anything runs") {
  const auto refused = [](guest::ScheduleChange change) {
    guest::HostSpec spec = test::host_of(guest::System::xen, {test::computing_guest("a")});
    spec.changes = {change};
    try {
      Host host{spec};
    } catch (const guest::SpecError& error) {
      return std::string{error.what()};
    }
    return std::string{};
  };
  CHECK(refused({.domain = "b"}) == "change 0: no guest \"b\"");
  CHECK(refused({.domain = "a", .cpus = guest::CpuSet::only(1)}) ==
        "change 0: CPU 1 does not exist; the host has 0 to 0");
  CHECK(
      refused({.domain = "a",
               .sedf = guest::SedfSettings{.period = Duration::milliseconds(1), .slice = Duration::milliseconds(2)}}) ==
      "change 0: a slice that is longer than its period");
}
