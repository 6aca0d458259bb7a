// Network traffic on the whole stack: who gets how much of the wire, what rules stop, what is lost when hardware fails
// or a domain dies, and that nothing disappears uncounted.
#include <doctest/doctest.h>

#include "support/guest_host.h"

namespace {

using guest::System;
using sim::Duration;

guest::GuestSpec flooding_guest(const std::string& name, const guest::UdpFloodSettings& settings = {}) {
  guest::GuestSpec spec;
  spec.name = name;
  spec.memory_bytes = 16 << 20;
  // From two sockets: the send buffer of one, 39 packets, does not bridge the 300 us of the card's coalescing.
  auto second = settings;
  second.port = 5002;
  spec.programs = {settings};
  if (settings.rate == 0) spec.programs.push_back(second);
  spec.network = true;
  return spec;
}

guest::HostSpec flooded_host(std::vector<guest::GuestSpec> guests, std::uint32_t cpus = 2) {
  auto spec = test::host_of(System::xen, std::move(guests), cpus);
  for (const guest::GuestSpec& each : spec.guests) {
    for (const std::uint16_t port : {std::uint16_t{5001}, std::uint16_t{5002}}) {
      spec.receivers.push_back({.target = each.name, .port = port});
    }
  }
  return spec;
}

double payload_of(const guest::Host& host, std::size_t guest) {
  return static_cast<double>(host.receiver(2 * guest).payload_bytes() + host.receiver(2 * guest + 1).payload_bytes());
}

// Megabits of payload per second that arrive from each guest in `duration` from now on.
std::vector<double> goodputs(guest::Host& host, std::size_t guests, Duration duration) {
  std::vector<double> rates;
  for (std::size_t i = 0; i < guests; ++i) rates.push_back(-payload_of(host, i));
  host.run_for(duration);
  for (std::size_t i = 0; i < guests; ++i) rates[i] = (rates[i] + payload_of(host, i)) * 8e-6 / duration.to_seconds();
  return rates;
}

// 1472 bytes of payload take 1538 bytes of a gigabit wire.
constexpr double kWire = 1000.0 * 1472 / 1538;

}  // namespace

TEST_CASE("a native flood of full datagrams fills the wire and loses none of them") {
  auto spec = flooded_host({flooding_guest("flood")}, 1);
  spec.system = System::native;
  guest::Host host{std::move(spec)};
  host.boot();
  host.run_for(Duration::milliseconds(50));
  const auto rates = goodputs(host, 1, Duration::milliseconds(200));
  CHECK(rates[0] > 0.995 * kWire);
  CHECK(rates[0] <= kWire + 0.1);
  CHECK(test::count_of(host, "kernel.transmit_dropped") == 0);
  CHECK(!host.audit());
}

TEST_CASE("two domains that send as fast as they can have half of the wire each, within 2 %") {
  guest::Host host{flooded_host({flooding_guest("a"), flooding_guest("b")})};
  host.boot();
  host.run_for(Duration::milliseconds(100));
  const auto rates = goodputs(host, 2, Duration::milliseconds(500));
  MESSAGE("Mb/s: ", rates[0], " and ", rates[1], " of ", kWire);
  CHECK(rates[0] > 0.98 * kWire / 2);
  CHECK(rates[1] > 0.98 * kWire / 2);
  CHECK(!host.audit());
}

TEST_CASE("a domain that wants less than half of the wire gets it beside one that floods") {
  guest::Host host{flooded_host({flooding_guest("flood"), flooding_guest("other", {.rate = 300'000'000})})};
  host.boot();
  host.run_for(Duration::milliseconds(100));
  const auto rates = goodputs(host, 2, Duration::milliseconds(500));
  MESSAGE("Mb/s: ", rates[0], " and ", rates[1]);
  CHECK(rates[1] > 0.98 * 300);
  CHECK(rates[1] < 1.02 * 300);
  CHECK(rates[0] > 0.94 * (kWire - 300));  // its two send buffers run dry now and then
}

TEST_CASE("a domain with a rate keeps to it, and its neighbour has the rest of the wire") {
  auto limited = flooding_guest("limited");
  limited.vif_rate = 100'000'000;
  limited.vif_rate_interval = Duration::milliseconds(1);
  guest::Host host{flooded_host({limited, flooding_guest("other")})};
  host.boot();
  host.run_for(Duration::milliseconds(100));
  const auto rates = goodputs(host, 2, Duration::milliseconds(500));
  MESSAGE("Mb/s: ", rates[0], " and ", rates[1]);
  // 12 500 bytes per millisecond are 8 frames of 1514; credit that is left is not kept, and the next millisecond begins
  // when the hypervisor gets to it.
  const double most = 8 * 1472 * 8e-3;
  CHECK(rates[0] <= most);
  CHECK(rates[0] > 0.95 * most);
  CHECK(rates[1] > 0.94 * (kWire - 95));
}

TEST_CASE("a rule drops what it names on the card, and nothing else") {
  for (const std::uint16_t port : {std::uint16_t{7}, std::uint16_t{8}}) {
    CAPTURE(port);
    auto spec = test::host_of(System::xen, {test::echo_guest("a"), test::echo_guest("b")});
    spec.clients = {test::fixed_client("a", Duration::milliseconds(5)),
                    test::fixed_client("b", Duration::milliseconds(5))};
    for (auto& client : spec.clients) client.timeout = Duration::milliseconds(100);
    spec.rules = {{.to = "a", .protocol = guest::DropRule::Protocol::udp, .destination_port = port}};
    guest::Host host{std::move(spec)};
    host.boot();
    host.run_for(Duration::milliseconds(500));
    if (port == 7) {
      CHECK(host.client(0).samples().empty());
      CHECK(test::count_of(host, "guest.a.packets_received") == 0);
    } else {
      CHECK(host.client(0).lost() == 0);
    }
    CHECK(host.client(1).lost() == 0);
    CHECK(!host.audit());
  }
}

TEST_CASE("a rule that names the sender keeps it from the wire") {
  auto spec = flooded_host({flooding_guest("a"), flooding_guest("b")});
  spec.rules = {{.from = "a", .protocol = guest::DropRule::Protocol::udp, .source_port = 5001}};
  guest::Host host{std::move(spec)};
  host.boot();
  host.run_for(Duration::milliseconds(200));
  CHECK(host.receiver(0).datagrams() == 0);
  CHECK(host.receiver(1).datagrams() > 1'000);  // its other port
  CHECK(!host.audit());
}

TEST_CASE("a rule or a receiver for a guest that is not there is refused by name") {
  auto spec = test::host_of(System::xen, {test::echo_guest("a")});
  spec.rules = {{.to = "nobody"}};
  CHECK_THROWS_WITH(guest::Host{spec}, doctest::Contains("nobody"));
  spec.rules = {};
  spec.receivers = {{.target = "nobody"}};
  CHECK_THROWS_WITH(guest::Host{spec}, doctest::Contains("nobody"));
}

TEST_CASE("a network that loses 5 % of the frames loses that many requests and replies, and counts them") {
  auto spec = test::host_of(System::xen, {test::echo_guest("echo")});
  spec.clients = {test::fixed_client("echo", Duration::milliseconds(1))};
  spec.clients[0].timeout = Duration::milliseconds(100);
  spec.frames_lost_per_million = 50'000;
  guest::Host host{std::move(spec)};
  host.boot();
  host.run_for(Duration::seconds(5));
  const auto finished = static_cast<double>(host.client(0).samples().size() + host.client(0).lost());
  const double lost = static_cast<double>(host.client(0).lost()) / finished;
  // Request or reply: 1 - 0.95^2 = 0.0975; three standard deviations of 5000 are 0.0126.
  CHECK(lost > 0.0975 - 0.0126);
  CHECK(lost < 0.0975 + 0.0126);
  CHECK(test::count_of(host, "wire.lost") == doctest::Approx(finished * 0.0975).epsilon(0.2));
  CHECK(!host.audit());
}

TEST_CASE("a card with a short receive ring drops a burst that comes too fast, counts it, and goes on") {
  model::MachineFile machine = test::dell2650();
  machine.nic.receive_ring = 4;
  auto spec = test::host_of(System::xen, {test::echo_guest("echo")});
  spec.machine = &machine;
  spec.clients = {test::fixed_client("echo", Duration::microseconds(4))};  // 72 us of coalescing: 18 packets
  spec.clients[0].timeout = Duration::milliseconds(100);
  guest::Host host{std::move(spec)};
  host.boot();
  host.run_for(Duration::milliseconds(300));
  CHECK(test::count_of(host, "nic.dropped") > 10'000);
  CHECK(host.client(0).samples().size() > 1'000);
  CHECK(!host.audit());
}

TEST_CASE(
    "a domain destroyed in a flood in both directions leaves nothing behind, and its neighbour alone on the wire") {
  auto doomed = flooding_guest("doomed");
  doomed.programs.push_back(guest::UdpEchoSettings{});
  doomed.destroy_at = Duration::milliseconds(200);
  auto spec = flooded_host({doomed, flooding_guest("other")});
  spec.clients = {test::fixed_client("doomed", Duration::microseconds(20))};
  spec.clients[0].timeout = Duration::milliseconds(50);
  guest::Host host{std::move(spec)};
  host.boot();
  host.run_for(Duration::milliseconds(100));
  CHECK(goodputs(host, 2, Duration::milliseconds(50))[1] > 0.8 * kWire / 2);
  CHECK(host.client(0).samples().size() > 100);
  for (int i = 0; i < 20; ++i) {
    host.run_for(Duration::milliseconds(10));
    REQUIRE(!host.audit());
  }
  const auto rates = goodputs(host, 2, Duration::milliseconds(100));
  CHECK(rates[0] == 0);
  CHECK(rates[1] > 0.99 * kWire);
  CHECK(!host.audit());
}

TEST_CASE("a native driver that is busy polls on: many packets for one interrupt, and the timer still ticks") {
  auto spec = test::host_of(System::native, {test::echo_guest("echo")});
  spec.clients = {test::fixed_client("echo", Duration::nanoseconds(1'500))};  // more than the CPU can answer
  spec.clients[0].timeout = Duration::milliseconds(100);
  guest::Host host{std::move(spec)};
  host.boot();
  host.run_for(Duration::milliseconds(100));
  CHECK(test::count_of(host, "nic.received") > 10 * test::count_of(host, "nic.interrupts"));
  CHECK(test::count_of(host, "kernel.ticks") >= 9);
  CHECK(!host.audit());
}
