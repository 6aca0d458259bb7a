#include <doctest/doctest.h>

#include "support/guest_host.h"

namespace {

using guest::System;
using sim::Duration;

}  // namespace

TEST_CASE("an idle domain answers each ping, in the time that wire, coalescing, two switches and its kernel take") {
  auto spec = test::host_of(System::xen, {test::echo_guest("echo")});
  spec.clients = {test::fixed_client("echo", Duration::milliseconds(10))};
  spec.clients[0].start = Duration::milliseconds(20);
  guest::Host host{std::move(spec)};
  host.boot();
  host.run_for(Duration::seconds(5));
  const guest::UdpClient& client = host.client(0);
  CHECK(client.sent() == 499);
  CHECK(client.lost() == 0);
  REQUIRE(client.samples().size() + client.outstanding() == client.sent());
  const Duration refill = test::dell2650().memory.line_refill;
  for (const guest::UdpSample& sample : client.samples()) {
    // The card holds a packet that comes alone for 72 us before it interrupts; then some 20 us of software. The first
    // finds nothing of its path in the cache: some 1000 lines of text, data and page tables.
    const bool cold = &sample == &client.samples().front();
    CHECK(sample.latency > Duration::microseconds(72 + 5));
    CHECK(sample.latency < Duration::microseconds(72 + 40) + (cold ? refill * 1000 : Duration{}));
  }
  const auto packets = static_cast<std::int64_t>(client.samples().size());
  CHECK(test::count_of(host, "guest.echo.packets_received") >= packets);
  CHECK(test::count_of(host, "nic.dropped") == 0);
  CHECK(!host.audit());
}

TEST_CASE("a burst beyond the receive ring loses packets of that domain and keeps every count") {
  auto spec = test::host_of(System::xen, {test::computing_guest("hog"), test::echo_guest("echo")});
  // In the 5 ms that the hog keeps the CPU 625 requests come; the ring takes 256.
  spec.clients = {test::fixed_client("echo", Duration::microseconds(8))};
  spec.clients[0].timeout = Duration::milliseconds(200);
  guest::Host host{std::move(spec)};
  host.boot();
  host.run_for(Duration::seconds(1));
  CHECK(host.client(0).samples().size() > 1'000);
  CHECK(host.client(0).lost() > 100);
  CHECK(!host.audit());
}

TEST_CASE("a ping to one of two echo domains is answered by that one") {
  auto spec = test::host_of(System::xen, {test::echo_guest("a"), test::echo_guest("b")});
  spec.clients = {test::fixed_client("b", Duration::milliseconds(5))};
  guest::Host host{std::move(spec)};
  host.boot();
  host.run_for(Duration::seconds(1));
  CHECK(host.client(0).lost() == 0);
  CHECK(test::count_of(host, "guest.a.packets_received") == 0);
  CHECK(test::count_of(host, "guest.b.packets_received") >= 199);
  CHECK(!host.audit());
}

TEST_CASE("a thousand large datagrams come back whole") {
  auto spec = test::host_of(System::xen, {test::echo_guest("echo")});
  spec.clients = {test::fixed_client("echo", Duration::milliseconds(1))};
  spec.clients[0].payload_bytes = 1472;
  guest::Host host{std::move(spec)};
  host.boot();
  host.run_for(Duration::milliseconds(1'050));
  CHECK(host.client(0).samples().size() >= 1'000);
  CHECK(host.client(0).lost() == 0);
  CHECK(!host.audit());
}
