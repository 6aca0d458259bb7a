// The FIFO wire: exact arrival times, queueing, address learning, drops and conservation.
#include <doctest/doctest.h>

#include "sim/outside/fifo_wire.h"
#include "support/stations.h"

using namespace sim;

namespace {

constexpr LinkSettings kGigabit{};  // 1 Gb/s, no propagation delay
constexpr SwitchSettings kInstantSwitch{};

constexpr Time at_ns(std::int64_t n) { return Time::at(Duration::nanoseconds(n)); }

struct Lan {
  explicit Lan(std::uint32_t stations, SwitchSettings settings = kInstantSwitch, LinkSettings link = kGigabit)
      : wire{queue, settings} {
    for (std::uint32_t i = 0; i < stations; ++i) machines.emplace_back(i, log);
    for (RecordingStation& machine : machines) wire.attach(machine, link);
  }
  void run() { run_until(queue, wire, at_ns(1'000'000'000)); }
  // Sends and waits until the switch knows every station.
  void introduce() {
    for (std::uint8_t i = 0; i < machines.size(); ++i) wire.send(i, frame(60, i, 0xFE), queue.now());
    run_until(queue, wire, queue.now() + Duration::milliseconds(1));
    log.clear();
  }

  EventQueue queue;
  FifoWire wire;
  std::vector<Arrival> log;
  std::deque<RecordingStation> machines;
};

}  // namespace

TEST_CASE("a frame occupies a link with its bytes plus 24, and at least with 84") {
  CHECK(serialisation(1514, 1'000'000'000) == Duration::nanoseconds(12'304));
  CHECK(serialisation(514, 1'000'000'000) == Duration::nanoseconds(4'304));
  CHECK(serialisation(60, 1'000'000'000) == Duration::nanoseconds(672));
  CHECK(serialisation(42, 1'000'000'000) == Duration::nanoseconds(672));  // padded
  CHECK(serialisation(1514, 100'000'000) == Duration::nanoseconds(123'040));
  CHECK(serialisation(60, 3'000'000'000) == Duration::picoseconds(224'000));
  CHECK(serialisation(61, 7'000'000'000) == Duration::picoseconds(97'143));  // 680 / 7 = 97.142857 ns, upwards
}

TEST_CASE("a frame is serialised twice, delayed by both links and the switch, and then arrives") {
  Lan lan{2, {.forwarding_latency = Duration::nanoseconds(3'000)}, {.latency = Duration::nanoseconds(50)}};
  CHECK(lan.wire.send(0, frame(1514, 0, 1, 7), at_ns(1'000)) == at_ns(13'304));  // when the link is free again
  lan.run();
  REQUIRE(lan.log.size() == 1);
  CHECK(lan.log[0] == Arrival{1, 7, at_ns(1'000 + 12'304 + 50 + 3'000 + 12'304 + 50)});
  CHECK(lan.queue.now() == at_ns(1'000'000'000));
}

TEST_CASE("frames sent at once follow each other at line rate: 81,274 a second of 1514 bytes") {
  Lan lan{2};
  for (std::uint8_t i = 0; i < 5; ++i) {
    CHECK(lan.wire.send(0, frame(1514, 0, 1, i), at_ns(0)) == at_ns(12'304 * (i + 1)));
  }
  lan.run();
  REQUIRE(lan.log.size() == 5);
  for (std::uint8_t i = 0; i < 5; ++i) CHECK(lan.log[i] == Arrival{1, i, at_ns(12'304 * (i + 2))});
}

TEST_CASE("both directions of a link are independent") {
  Lan lan{2};
  lan.wire.send(0, frame(1514, 0, 1), at_ns(0));
  lan.wire.send(1, frame(1514, 1, 0), at_ns(0));
  lan.run();
  REQUIRE(lan.log.size() == 2);
  CHECK(lan.log[0].at == at_ns(24'608));
  CHECK(lan.log[1].at == at_ns(24'608));
}

TEST_CASE("two senders to one port queue behind each other") {
  Lan lan{3};
  lan.introduce();
  const Time start = lan.queue.now();
  lan.wire.send(0, frame(1514, 0, 2, 10), start);
  lan.wire.send(1, frame(1514, 1, 2, 11), start);
  lan.run();
  REQUIRE(lan.log.size() == 2);
  CHECK(lan.log[0] == Arrival{2, 10, start + Duration::nanoseconds(24'608)});
  CHECK(lan.log[1] == Arrival{2, 11, start + Duration::nanoseconds(36'912)});
}

TEST_CASE("a frame to an unheard address goes to all other ports, to a known one only there") {
  Lan lan{4};
  lan.wire.send(0, frame(60, 0, 2), at_ns(0));
  lan.run();
  CHECK(lan.log.size() == 3);
  CHECK(lan.wire.counts().copied == 2);
  lan.log.clear();
  lan.wire.send(2, frame(60, 2, 0), lan.queue.now());
  run_until(lan.queue, lan.wire, lan.queue.now() + Duration::milliseconds(1));
  REQUIRE(lan.log.size() == 1);
  CHECK(lan.log[0].station == 0);
  CHECK(conserved(lan.wire.counts()));
}

TEST_CASE("two stations without addresses reach each other") {
  Lan lan{2};
  lan.wire.send(0, Packet{.bytes = 100}, at_ns(0));
  lan.wire.send(1, Packet{.bytes = 100}, at_ns(0));
  lan.run();
  CHECK(lan.log.size() == 2);
}

TEST_CASE("a full output FIFO drops what does not fit, and says why") {
  // Two senders fill a port twice as fast as it drains; 3 frames of 1514 bytes fit.
  Lan lan{3, {.output_fifo_bytes = 3 * 1514}};
  lan.introduce();
  const TrafficCounts before = lan.wire.counts();
  for (std::uint8_t i = 0; i < 10; ++i) {
    lan.wire.send(0, frame(1514, 0, 2, i), lan.queue.now());
    lan.wire.send(1, frame(1514, 1, 2, i), lan.queue.now());
  }
  CHECK(lan.wire.counts().in_flight == 20);
  run_until(lan.queue, lan.wire, lan.queue.now() + Duration::microseconds(60));
  CHECK(lan.wire.counts().in_flight > 0);
  CHECK(conserved(lan.wire.counts()));
  lan.run();
  const TrafficCounts& after = lan.wire.counts();
  CHECK(after.in_flight == 0);
  CHECK(conserved(after));
  // Both frames of a round come at the instant at which one leaves, and find its room still taken: the first round
  // leaves 2 waiting, and in each of the other 9 one fits and one is dropped.
  CHECK(after.dropped_for(DropReason::output_fifo_full) - before.dropped_for(DropReason::output_fifo_full) == 9);
  CHECK(after.delivered - before.delivered == 11);
}

TEST_CASE("a frame for the port it came from, or without another station, has no receiver") {
  Lan lan{2};
  lan.introduce();
  lan.wire.send(0, frame(60, 0, 0), lan.queue.now());
  lan.run();
  CHECK(lan.log.empty());
  CHECK(lan.wire.counts().dropped_for(DropReason::no_receiver) == 1);
  Lan alone{1};
  alone.wire.send(0, frame(60, 0, 1), at_ns(0));
  alone.run();
  CHECK(alone.wire.counts().dropped_for(DropReason::no_receiver) == 1);
  CHECK(conserved(alone.wire.counts()));
}

TEST_CASE("a frame that is to start in the future keeps the link's order") {
  Lan lan{2};
  CHECK(lan.wire.send(0, frame(60, 0, 1, 1), at_ns(5'000)) == at_ns(5'672));
  CHECK(lan.wire.send(0, frame(60, 0, 1, 2), at_ns(5'100)) == at_ns(6'344));
  lan.run();
  REQUIRE(lan.log.size() == 2);
  CHECK(lan.log[1] == Arrival{1, 2, at_ns(6'344 + 672)});
}
