// Domains with several virtual CPUs: the guest kernel on them, and what happens when one loses its CPU.
#include <doctest/doctest.h>

#include <fmt/format.h>

#include "support/guest_host.h"

namespace {

using sim::Duration;

guest::GuestSpec smp_guest(const std::string& name, std::uint32_t vcpus, std::size_t programs,
                           const guest::ProgramSpec& program) {
  guest::GuestSpec spec = test::computing_guest(name, 64);
  spec.vcpus = vcpus;
  spec.programs.assign(programs, program);
  return spec;
}

guest::FileIoSettings writing() {
  guest::FileIoSettings settings;
  settings.operation = guest::FileIoSettings::Operation::write;
  settings.file_bytes = 64 << 10;
  return settings;
}

std::int64_t useful_after(guest::HostSpec spec, Duration time) {
  guest::Host host{std::move(spec)};
  host.boot();
  const std::int64_t before = host.useful_cycles(0);
  host.run_for(time);
  CHECK_FALSE(host.audit());
  return host.useful_cycles(0) - before;
}

TEST_CASE("two compute-bound processes have two CPUs in a domain with two vCPUs, and half of each with one") {
  constexpr Duration kTime = Duration::seconds(1);
  const double cycles = 2.4e9;
  for (const std::uint32_t vcpus : {1u, 2u}) {
    const std::int64_t useful = useful_after(
        test::host_of(guest::System::xen, {smp_guest("smp", vcpus, 2, guest::ComputeSettings{})}, 2), kTime);
    CHECK(static_cast<double>(useful) / cycles == doctest::Approx(vcpus).epsilon(0.05));
  }
}

TEST_CASE("a process that sleeps is woken in time whichever vCPU its timer runs on") {
  guest::GuestSpec flood = test::computing_guest("smp", 64);
  flood.vcpus = 2;
  flood.programs.push_back(guest::UdpEchoSettings{});
  flood.network = true;
  guest::HostSpec spec = test::host_of(guest::System::xen, {flood}, 2);
  spec.clients = {test::fixed_client("smp", Duration::milliseconds(20))};
  guest::Host host{spec};
  host.boot();
  host.run_for(Duration::seconds(1));
  CHECK(test::count_of(host, "client.0.replies") >= 48);
  CHECK_FALSE(host.audit());
}

TEST_CASE("vCPUs of one domain wait for each other's locks: longer when they share a CPU and its holder loses it") {
  const auto contended = [](std::uint32_t cpus, std::int64_t& spun, std::int64_t& waits) {
    guest::GuestSpec smp = smp_guest("smp", 2, 2, writing());
    if (cpus == 1) smp.cpus = guest::CpuSet{1};
    smp.disks = {{"xvda", 1 << 30}};
    guest::HostSpec spec = test::host_of(guest::System::xen, {smp}, cpus);
    spec.drive = &test::ultrastar();
    guest::Host host{spec};
    host.boot();
    host.run_for(Duration::seconds(2));
    CHECK_FALSE(host.audit());
    spun = test::count_of(host, "guest.smp.lock.big_kernel.spun");
    waits = test::count_of(host, "guest.smp.lock.big_kernel.contended");
  };
  std::int64_t spun = 0, waits = 0, spun_shared = 0, waits_shared = 0;
  contended(2, spun, waits);
  contended(1, spun_shared, waits_shared);
  REQUIRE(waits > 100);
  REQUIRE(waits_shared > 0);
  // Beside it a hold is some microseconds; behind it the holder waits for the end of a slice.
  CHECK(static_cast<double>(spun) / static_cast<double>(waits) < 100'000);
  CHECK(static_cast<double>(spun_shared) / static_cast<double>(waits_shared) > 1'000'000);
}

TEST_CASE("more vCPUs than a domain can have, and several where the system knows only one, are refused") {
  const auto error = [](guest::System system, std::uint32_t vcpus) -> std::string {
    try {
      guest::Host host{test::host_of(system, {smp_guest("smp", vcpus, 1, guest::ComputeSettings{})}, 2)};
    } catch (const guest::SpecError& refused) {
      return refused.what();
    }
    return "";
  };
  CHECK(error(guest::System::xen, 9) == "smp: 9 virtual CPUs: a domain has 1 to 8");
  CHECK(error(guest::System::native, 2) == "smp: 2 virtual CPUs: a kernel on bare hardware has the host's, see cpus");
  CHECK(error(guest::System::uml, 2) ==
        "smp: 2 virtual CPUs: a virtual machine of this system has one; system xen has more");
}

TEST_CASE("weights 1, 2, 3 and 4 on one CPU give shares of 10, 20, 30 and 40 percent") {
  std::vector<guest::GuestSpec> guests;
  for (std::uint32_t i = 1; i <= 4; ++i) {
    guests.push_back(test::computing_guest(fmt::format("weight{}", i)));
    guests.back().weight = 256 * i;
  }
  guest::Host host{test::host_of(guest::System::xen, guests)};
  host.boot();
  std::vector<std::int64_t> before;
  for (std::uint32_t i = 1; i <= 4; ++i) {
    before.push_back(test::count_of(host, fmt::format("guest.weight{}.cpu_time", i)));
  }
  host.run_for(Duration::seconds(10));
  for (std::uint32_t i = 1; i <= 4; ++i) {
    const std::int64_t ran = test::count_of(host, fmt::format("guest.weight{}.cpu_time", i)) - before[i - 1];
    CHECK(static_cast<double>(ran) / 10e9 == doctest::Approx(0.1 * i).epsilon(0.01));
  }
}

}  // namespace
