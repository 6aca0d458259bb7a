#include <doctest/doctest.h>

#include "support/guest_host.h"

namespace {

using guest::System;
using sim::Duration;
using Direction = guest::TtcpSettings::Direction;

struct Run {
  double rate;  // in 2^20 bit/s
  std::int64_t retransmitted, peer_read, packets_dropped;
  std::optional<std::string> wrong;
};

Run run(System system, Direction direction, std::uint32_t mtu, std::int64_t bytes = 8 << 20) {
  guest::TtcpSettings ttcp;
  ttcp.direction = direction;
  ttcp.mtu = mtu;
  ttcp.bytes = bytes;
  guest::GuestSpec spec;
  spec.name = "ttcp";
  spec.memory_bytes = 32 << 20;
  spec.programs = {ttcp};
  spec.network = true;
  guest::Host host{test::host_of(system, {spec})};
  host.boot();
  for (int i = 0; i < 100 && !host.finished(); ++i) host.run_for(Duration::milliseconds(20));
  REQUIRE(host.finished());
  host.run_for(Duration::milliseconds(500));  // the ends say goodbye
  Run result{0, test::count_of(host, "peer.0.retransmitted"), test::count_of(host, "peer.0.bytes_read"),
             test::count_of(host, "nic.dropped"), host.audit()};
  for (const guest::ProgramResult& value : host.results(0)) {
    if (value.name == "ttcp.rate") result.rate = value.value;
  }
  return result;
}

}  // namespace

TEST_CASE("ttcp sends and receives at MTU 1500 and 500, never faster than the wire, and nothing is lost") {
  for (const System system : {System::native, System::xen}) {
    for (const Direction direction : {Direction::transmit, Direction::receive}) {
      for (const auto& [mtu, wire] : {std::pair{1500u, 897.87}, std::pair{500u, 794.14}}) {
        CAPTURE(static_cast<int>(system));
        CAPTURE(static_cast<int>(direction));
        CAPTURE(mtu);
        const Run result = run(system, direction, mtu);
        CHECK(result.rate > 100);
        CHECK(result.rate < wire * 1.01);  // what waited in the receiver's memory when the clock started comes on top
        CHECK(result.peer_read == (direction == Direction::transmit ? 8 << 20 : 0));
        CHECK(result.packets_dropped == 0);
        CHECK(!result.wrong);
      }
    }
  }
}

TEST_CASE("the rate does not depend on how long the stream is") {
  for (const Direction direction : {Direction::transmit, Direction::receive}) {
    const double eight = run(System::native, direction, 500).rate;
    const double twenty = run(System::native, direction, 500, 20 << 20).rate;
    CHECK(eight == doctest::Approx(twenty).epsilon(0.02));
  }
}

TEST_CASE("two guests stream at the same time, each with its own machine outside") {
  guest::TtcpSettings ttcp;
  ttcp.bytes = 2 << 20;
  std::vector<guest::GuestSpec> guests;
  for (const char* name : {"a", "b"}) {
    guest::GuestSpec spec;
    spec.name = name;
    spec.memory_bytes = 32 << 20;
    spec.network = true;
    ttcp.direction = guests.empty() ? Direction::transmit : Direction::receive;
    spec.programs = {ttcp};
    guests.push_back(spec);
  }
  guest::Host host{test::host_of(System::xen, guests)};
  host.boot();
  for (int i = 0; i < 200 && !host.finished(); ++i) host.run_for(Duration::milliseconds(20));
  CHECK(host.finished());
  CHECK(!host.audit());
}

TEST_CASE("ttcp without a network interface is refused by name") {
  guest::GuestSpec spec;
  spec.name = "lonely";
  spec.memory_bytes = 32 << 20;
  spec.programs = {guest::TtcpSettings{}};
  CHECK_THROWS_AS(guest::Host{test::host_of(System::xen, {spec})}, guest::SpecError);
}
