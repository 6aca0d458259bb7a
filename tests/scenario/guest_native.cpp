#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>

#include "support/guest_host.h"

namespace {

using guest::System;
using sim::Duration;

constexpr std::int64_t kHertz = 2'400'000'000;

std::int64_t sum(const std::array<std::int64_t, 4>& accounts) {
  return std::accumulate(accounts.begin(), accounts.end(), std::int64_t{0});
}

}  // namespace

TEST_CASE("one computing process gets nearly all of a native CPU, and what it does not get is accounted for") {
  guest::Host host{test::host_of(System::native, {test::computing_guest("a")})};
  host.boot();
  const auto before = host.accounts(0);
  const std::int64_t work_before = host.useful_cycles(0);
  host.run_for(Duration::seconds(2));
  const auto after = host.accounts(0);
  const std::int64_t work = host.useful_cycles(0) - work_before;
  CHECK(sum(after) - sum(before) >= 2 * kHertz - kHertz / 100);
  CHECK(after[0] == before[0]);  // never idle
  CHECK(work > 2 * kHertz * 98 / 100);
  CHECK(work < 2 * kHertz);
  // 100 ticks a second, each a few microseconds of kernel.
  const std::int64_t kernel = after[2] - before[2];
  CHECK(kernel > 2 * 100 * 1'000);
  CHECK(kernel < 2 * 100 * 20'000);
  CHECK(test::count_of(host, "kernel.ticks") == 200);
  CHECK(!host.audit());
}

TEST_CASE("two computing processes on one native CPU get the same share, in slices of 60 ms") {
  guest::Host host{test::host_of(System::native, {test::computing_guest("a"), test::computing_guest("b")})};
  host.boot();
  host.run_for(Duration::seconds(3));
  const double a = static_cast<double>(host.useful_cycles(0)), b = static_cast<double>(host.useful_cycles(1));
  CHECK(a / (a + b) == doctest::Approx(0.5).epsilon(0.03));
  CHECK(a + b > 3 * kHertz * 0.98);
}

TEST_CASE("two computing processes on two native CPUs have one each") {
  guest::Host host{test::host_of(System::native, {test::computing_guest("a"), test::computing_guest("b")}, 2)};
  host.boot();
  host.run_for(Duration::seconds(1));
  CHECK(host.useful_cycles(0) > kHertz * 98 / 100);
  CHECK(host.useful_cycles(1) > kHertz * 98 / 100);
  CHECK(!host.audit());
}

TEST_CASE("programs that are to start 300 ms after their kernel has booted start then, and nobody waits for them") {
  for (const System system : {System::native, System::xen}) {
    CAPTURE(static_cast<int>(system));
    guest::GuestSpec late = test::computing_guest("late");
    late.programs_start = Duration::milliseconds(300);
    guest::Host host{test::host_of(system, {test::computing_guest("at once"), late}, 2)};
    host.boot();
    CHECK(host.booted_at().since_start() < Duration::milliseconds(100));
    host.run_for(Duration::milliseconds(250) - host.booted_at().since_start());
    CHECK(host.useful_cycles(1) == 0);
    host.run_for(Duration::milliseconds(1050));  // until 1.3 s
    CHECK(host.useful_cycles(1) > kHertz * 96 / 100);
    CHECK(host.useful_cycles(1) < kHertz * 101 / 100);  // a sleep ends with a tick, up to 10 ms early
    CHECK(!host.audit());
  }
}

TEST_CASE("a native echo server on an idle machine answers every request within its path length and the wire") {
  auto spec = test::host_of(System::native, {test::echo_guest("echo")});
  spec.clients = {test::fixed_client("echo", Duration::milliseconds(10))};
  spec.clients[0].start = Duration::milliseconds(20);
  guest::Host host{std::move(spec)};
  host.boot();
  host.run_for(Duration::milliseconds(2020));
  const guest::UdpClient& client = host.client(0);
  CHECK(client.sent() >= 200);
  CHECK(client.lost() == 0);
  REQUIRE(client.samples().size() + client.outstanding() == client.sent());
  const Duration refill = test::dell2650().memory.line_refill;
  for (const guest::UdpSample& sample : client.samples()) {
    CHECK(sample.latency > Duration::microseconds(5));  // four times 106 bytes on the wire take 4.2 us
    // The first finds nothing of its path in the cache: some 1000 lines of text, data and page tables.
    const bool cold = &sample == &client.samples().front();
    CHECK(sample.latency < Duration::microseconds(40) + (cold ? refill * 1000 : Duration{}));
  }
  CHECK(test::count_of(host, "nic.dropped") == 0);
  CHECK(!host.audit());
}

TEST_CASE("a native sleeper has gathered time slice after the first recalculation, and preempts who computes") {
  auto spec = test::host_of(System::native, {test::computing_guest("hog"), test::echo_guest("echo")});
  spec.clients = {test::fixed_client("echo", Duration::milliseconds(7))};
  spec.clients[0].start = Duration::milliseconds(100);  // both began with 6 ticks; 60 ms later the sleeper has 9
  guest::Host host{std::move(spec)};
  host.boot();
  host.run_for(Duration::seconds(2));
  CHECK(host.client(0).lost() == 0);
  for (const guest::UdpSample& sample : host.client(0).samples()) CHECK(sample.latency < Duration::microseconds(200));
}

TEST_CASE("the same native host gives the same fingerprint, another seed another") {
  const auto run = [](std::uint64_t seed) {
    auto spec = test::host_of(System::native, {test::computing_guest("hog"), test::echo_guest("echo")});
    spec.clients = {test::fixed_client("echo", Duration::milliseconds(3))};
    spec.clients[0].interval.kind = guest::IntervalSettings::Kind::exponential;
    spec.seed = seed;
    guest::Host host{std::move(spec)};
    host.boot();
    host.run_for(Duration::milliseconds(500));
    return host.fingerprint();
  };
  CHECK(run(1) == run(1));
  CHECK(run(1) != run(2));
}
