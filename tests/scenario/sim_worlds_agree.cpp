// The two outside worlds carry the same frames: one exchange over both, driven by the same code.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <stdexcept>

#include "sim/outside/fifo_wire.h"
#include "sim/outside/simgrid_world.h"
#include "sim/random.h"
#include "support/stations.h"

using namespace sim;

namespace {

constexpr LinkSettings kLink{.bits_per_second = 1'000'000'000, .latency = Duration::nanoseconds(500)};
constexpr SwitchSettings kSwitch{.forwarding_latency = Duration::nanoseconds(3'000), .output_fifo_bytes = 4'096};
constexpr std::uint8_t kStations = 4;
constexpr Time kEnd = Time::at(Duration::milliseconds(100));

// Offers frames of random lengths to random stations, at local times of picosecond grain, and answers some of them.
class Exchange final : private EventHandler {
 public:
  Exchange(EventQueue& queue, OutsideWorld& world) : queue_{queue}, world_{world} {
    for (std::uint8_t i = 0; i < kStations; ++i) stations_.emplace_back(i, arrivals);
    for (RecordingStation& station : stations_) world_.attach(station, kLink);
    for (std::uint8_t i = 0; i < kStations; ++i) {
      stations_[i].on_receive = [this, i](const Packet& packet, Time at) {
        if (packet.header[14] % 3 == 0) world_.send(i, frame(60, i, packet.header[11] - 1, 1), at);
      };
      queue_.schedule(Time{}, *this, i);
    }
    run_until(queue_, world_, kEnd);
  }
  std::vector<Arrival> arrivals;

 private:
  void on_event(std::uint64_t word) override {
    const auto from = static_cast<std::uint8_t>(word);
    const auto to = static_cast<std::uint8_t>((from + 1 + random_.below(kStations - 1)) % kStations);
    const auto bytes = static_cast<std::uint16_t>(60 + random_.below(1455));
    world_.send(from, frame(bytes, from, to, static_cast<std::uint8_t>(random_.below(256))), queue_.now());
    const Time next = queue_.now() + random_.exponential(Duration::microseconds(30));
    if (next < Time::at(Duration::milliseconds(95))) queue_.schedule(next, *this, word);
  }

  EventQueue& queue_;
  OutsideWorld& world_;
  RandomStream random_ = Random{7}.stream("exchange");
  std::deque<RecordingStation> stations_;
};

}  // namespace

TEST_CASE("the same exchange over SimGrid and over the FIFO wire: same frames, same order, same times") {
  EventQueue exact_queue, fluid_queue;
  FifoWire exact{exact_queue, kSwitch};
  SimGridWorld fluid{fluid_queue, kSwitch};
  const Exchange on_wire{exact_queue, exact}, on_simgrid{fluid_queue, fluid};

  CHECK(conserved(exact.counts()));
  CHECK(conserved(fluid.counts()));
  CHECK(exact.counts().in_flight == 0);
  CHECK(fluid.counts().in_flight == 0);
  CHECK(exact.counts().dropped_for(DropReason::output_fifo_full) > 0);
  CHECK(exact.counts().dropped == fluid.counts().dropped);
  CHECK(fluid_queue.now() == kEnd);

  REQUIRE(on_wire.arrivals.size() > 10'000);
  REQUIRE(on_wire.arrivals.size() == on_simgrid.arrivals.size());
  Duration worst;
  for (std::size_t i = 0; i < on_wire.arrivals.size(); ++i) {
    const Arrival &wire = on_wire.arrivals[i], &grid = on_simgrid.arrivals[i];
    REQUIRE(wire.station == grid.station);
    REQUIRE(wire.tag == grid.tag);
    worst = std::max({worst, grid.at - wire.at, wire.at - grid.at});
  }
  // SimGrid's arrivals are stamped in whole nanoseconds, upwards; an answer to one inherits that once more.
  MESSAGE(on_wire.arrivals.size() << " arrivals, largest difference " << worst.picoseconds() << " ps");
  CHECK(worst <= Duration::nanoseconds(12'304));

  SUBCASE("and a second SimGrid engine in one process is refused") {
    EventQueue queue;
    CHECK_THROWS_AS((SimGridWorld{queue, kSwitch}), std::logic_error);
  }
}
