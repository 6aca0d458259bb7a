#include <doctest/doctest.h>

#include "sim/outside/fifo_wire.h"
#include "workloads/clients/udp_client.h"

namespace {

using sim::Duration;
using sim::Time;

// Sends a request back after a delay, but for every `lose_each`-th.
class Reflector final : public sim::Endpoint, private sim::EventHandler {
 public:
  Reflector(sim::EventQueue& queue, sim::OutsideWorld& world, Duration delay, int lose_each)
      : queue_{queue}, world_{world}, station_{world.attach(*this, {})}, delay_{delay}, lose_each_{lose_each} {}
  int received = 0;

 private:
  void receive(const sim::Packet& packet, Time at) override {
    if (lose_each_ != 0 && ++received % lose_each_ == 0) return;
    guest::Datagram datagram;
    REQUIRE(guest::parse_packet(packet, datagram) == guest::PacketError::none);
    std::swap(datagram.source, datagram.destination);
    std::swap(datagram.source_mac, datagram.destination_mac);
    answers_.push_back(guest::build_packet(datagram));
    queue_.schedule(at + delay_, *this, answers_.size() - 1);
  }
  void on_event(std::uint64_t word) override { world_.send(station_, answers_[word], queue_.now()); }

  sim::EventQueue& queue_;
  sim::OutsideWorld& world_;
  sim::StationId station_;
  Duration delay_;
  int lose_each_;
  std::vector<sim::Packet> answers_;
};

struct Bench {
  explicit Bench(guest::IntervalSettings interval, Duration delay = Duration::microseconds(100), int lose_each = 0,
                 Duration timeout = Duration::seconds(1))
      : reflector{queue, wire, delay, lose_each},
        client{spec(interval, timeout), {1, 2, {10, 1000}, {20, 7}}, {}, queue, wire, sim::Random{1}.stream("client")} {
    client.start(Time::at(Duration::milliseconds(1)));
  }
  static guest::ClientSpec spec(guest::IntervalSettings interval, Duration timeout) {
    guest::ClientSpec spec;
    spec.target = "reflector";
    spec.interval = interval;
    spec.timeout = timeout;
    return spec;
  }
  void run(Duration until) { sim::run_until(queue, wire, Time::at(until)); }

  sim::EventQueue queue;
  sim::FifoWire wire{queue, {}};
  Reflector reflector;
  guest::UdpClient client;
};

using Kind = guest::IntervalSettings::Kind;

}  // namespace

TEST_CASE("at a fixed interval requests leave on the beat, and latency is delay plus four serialisations") {
  Bench bench{{Kind::fixed, Duration::milliseconds(10)}};
  bench.run(Duration::milliseconds(95));
  CHECK(bench.client.sent() == 10);  // at 1, 11, ... 91 ms
  REQUIRE(bench.client.samples().size() == 10);
  // 106 bytes and 24 of overhead at 1 Gb/s are 1.04 us, on two links each way.
  for (const auto& sample : bench.client.samples()) {
    CHECK(sample.latency.nanoseconds() >= 100'000 + 4 * 848);
    CHECK(sample.latency.nanoseconds() <= 100'000 + 4 * 1'040);
  }
  CHECK(bench.client.samples()[3].sent == Time::at(Duration::milliseconds(31)));
}

TEST_CASE("in a closed loop the next request comes a think time after the answer") {
  Bench bench{{Kind::closed_loop, Duration::milliseconds(5)}, Duration::milliseconds(5)};
  bench.run(Duration::milliseconds(100));
  CHECK(bench.client.sent() == 10);  // every 10.004 ms
  CHECK(bench.client.outstanding() == 0);
}

TEST_CASE("an unanswered request is lost after the timeout, and a closed loop goes on") {
  Bench bench{{Kind::closed_loop, Duration::milliseconds(1)}, Duration::milliseconds(1), 2, Duration::milliseconds(20)};
  bench.run(Duration::milliseconds(232));  // every 23.004 ms one answer, think time, one loss, think time
  CHECK(bench.client.lost() == 10);
  CHECK(bench.client.sent() == bench.client.samples().size() + bench.client.lost() + bench.client.outstanding());
}

TEST_CASE("an answer after the timeout is late, not a sample") {
  Bench bench{{Kind::fixed, Duration::milliseconds(10)}, Duration::milliseconds(25), 0, Duration::milliseconds(20)};
  bench.run(Duration::milliseconds(200));
  CHECK(bench.client.samples().empty());
  CHECK(bench.client.late() == 18);
  CHECK(bench.client.lost() == 18);
  CHECK(bench.client.outstanding() == 2);
}

TEST_CASE("uniform and exponential intervals have the mean they were given") {
  for (const Kind kind : {Kind::uniform, Kind::exponential}) {
    Bench bench{{kind, Duration::milliseconds(10)}};
    bench.run(Duration::seconds(100));
    CHECK(static_cast<double>(bench.client.sent()) == doctest::Approx(10'000).epsilon(0.03));
  }
}

TEST_CASE("a client that cannot be is refused with its name") {
  const auto make = [](std::uint32_t payload, Duration mean) {
    sim::EventQueue queue;
    sim::FifoWire wire{queue, {}};
    guest::ClientSpec spec;
    spec.target = "web";
    spec.payload_bytes = payload;
    spec.interval.mean = mean;
    guest::UdpClient{spec, {}, {}, queue, wire, sim::Random{1}.stream("client")};
  };
  CHECK_THROWS_AS(make(7, Duration::seconds(1)), guest::SpecError);
  CHECK_THROWS_AS(make(1473, Duration::seconds(1)), guest::SpecError);
  CHECK_THROWS_AS(make(64, Duration{}), guest::SpecError);
  CHECK_NOTHROW(make(1472, Duration::seconds(1)));
}
