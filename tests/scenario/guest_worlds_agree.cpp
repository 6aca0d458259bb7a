// The UDP experiment over both outside worlds: what lies between the machine and its client must not matter.
#include <doctest/doctest.h>

#include <algorithm>

#include "support/guest_host.h"

namespace {

using sim::Duration;

constexpr Duration kFrameSerialisation = Duration::nanoseconds(12'304);  // 1538 B on the wire at 1 Gb/s

std::vector<guest::UdpSample> pings(guest::World world) {
  std::vector<guest::GuestSpec> guests;
  for (int i = 1; i < 128; ++i) guests.push_back(test::computing_guest("compute" + std::to_string(i), 14));
  guests.push_back(test::echo_guest("pinged", 14));
  guests.back().programs.push_back(guest::ComputeSettings{});
  guest::HostSpec spec = test::host_of(guest::System::xen, std::move(guests), 2);
  spec.world = world;
  spec.clients = {test::fixed_client("pinged", Duration::milliseconds(500))};
  spec.clients[0].interval.kind = guest::IntervalSettings::Kind::exponential;
  guest::Host host{std::move(spec)};
  host.boot();
  host.run_for(Duration::seconds(30));
  CHECK(!host.audit());
  return host.client(0).samples();
}

}  // namespace

TEST_CASE(
    "128 computing domains, one of them pinged: each latency over SimGrid is that over the FIFO wire within a frame") {
  const auto fifo = pings(guest::World::fifo);
  const auto simgrid = pings(guest::World::simgrid);
  REQUIRE(fifo.size() > 30);
  REQUIRE(fifo.size() == simgrid.size());
  Duration worst;
  for (std::size_t i = 0; i < fifo.size(); ++i) {
    REQUIRE(fifo[i].sequence == simgrid[i].sequence);
    CHECK(fifo[i].sent == simgrid[i].sent);
    worst = std::max({worst, fifo[i].latency - simgrid[i].latency, simgrid[i].latency - fifo[i].latency});
  }
  MESSAGE("largest difference of " << fifo.size() << " latencies: " << worst.picoseconds() << " ps");
  CHECK(worst <= kFrameSerialisation);
}
