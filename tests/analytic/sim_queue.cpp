// Queueing formulas: event queue, random streams and statistics together, and the wire as a server.
#include <doctest/doctest.h>

#include <deque>
#include <string>

#include "sim/event_queue.h"
#include "sim/outside/fifo_wire.h"
#include "sim/random.h"
#include "sim/statistics.h"

using namespace sim;

namespace {

constexpr Duration kService = Duration::microseconds(10);
constexpr double kServiceUs = 10;
constexpr std::uint64_t kWarmup = 5'000, kCustomers = 60'000;

// One server, first come first served, Poisson arrivals. Gives the mean wait before service, in microseconds.
class SingleServer final : EventHandler {
 public:
  enum class Service { exponential, fixed };

  SingleServer(std::uint64_t seed, double load, Service service)
      : arrivals_{Random{seed}.stream("arrivals")},
        services_{Random{seed}.stream("services")},
        interarrival_{Duration::picoseconds(static_cast<std::int64_t>(1e7 / load))},
        service_{service} {
    queue_.schedule(Time{}, *this, kArrival);
    while (waits_.count() < kCustomers) queue_.run_next();
  }
  double mean_wait() const { return waits_.mean(); }

 private:
  static constexpr std::uint64_t kArrival = 0, kDeparture = 1;

  void on_event(std::uint64_t word) override {
    if (word == kArrival) {
      waiting_.push_back(queue_.now());
      queue_.schedule(queue_.now() + arrivals_.exponential(interarrival_), *this, kArrival);
      if (!busy_) serve();
    } else {
      busy_ = false;
      if (!waiting_.empty()) serve();
    }
  }
  void serve() {
    busy_ = true;
    const Duration wait = queue_.now() - waiting_.front();
    waiting_.pop_front();
    if (++served_ > kWarmup) waits_.add(wait.to_seconds() * 1e6);
    const Duration length = service_ == Service::fixed ? kService : services_.exponential(kService);
    queue_.schedule(queue_.now() + length, *this, kDeparture);
  }

  EventQueue queue_;
  RandomStream arrivals_, services_;
  Duration interarrival_;
  Service service_;
  std::deque<Time> waiting_;
  bool busy_ = false;
  std::uint64_t served_ = 0;
  RunningStatistics waits_;
};

ConfidenceInterval replicate(double load, SingleServer::Service service) {
  RunningStatistics means;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) means.add(SingleServer{seed, load, service}.mean_wait());
  return confidence_interval(means, 0.99);
}

void check(const std::string& name, double load, const ConfidenceInterval& simulated, double expected) {
  MESSAGE(name << " at load " << load << ": expected wait " << expected << " us, simulated " << simulated.mean << " +- "
               << simulated.half_width);
  CHECK(simulated.contains(expected));
  CHECK(simulated.half_width < 0.05 * expected);  // narrow enough to tell a wrong formula
}

}  // namespace

TEST_CASE("M/M/1: the mean wait is service * load / (1 - load)") {
  for (const double load : {0.3, 0.5, 0.8}) {
    check("M/M/1", load, replicate(load, SingleServer::Service::exponential), kServiceUs * load / (1 - load));
  }
}

TEST_CASE("M/D/1: the mean wait is half of that") {
  for (const double load : {0.3, 0.5, 0.8}) {
    check("M/D/1", load, replicate(load, SingleServer::Service::fixed), kServiceUs * load / (1 - load) / 2);
  }
}

TEST_CASE("frames offered to a link at random wait as in M/D/1 with 12.304 us of service") {
  struct Sink final : Endpoint {
    void receive(const Packet&, Time) override { ++frames; }
    std::uint64_t frames = 0;
  };
  constexpr double kLoad = 0.7, kFrameUs = 12.304;
  RunningStatistics means;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    EventQueue queue;
    FifoWire wire{queue, {}};
    Sink sender, sink;
    const StationId from = wire.attach(sender, {});
    wire.attach(sink, {});
    RandomStream random = Random{seed}.stream("frames");
    RunningStatistics waits;
    Time at;
    for (std::uint64_t i = 0; i < kWarmup + kCustomers; ++i) {
      at = at + random.exponential(Duration::picoseconds(static_cast<std::int64_t>(kFrameUs * 1e6 / kLoad)));
      run_until(queue, wire, at);
      const Duration until_sent = wire.send(from, Packet{.bytes = 1514}, at) - at;
      if (i >= kWarmup) waits.add(until_sent.to_seconds() * 1e6 - kFrameUs);
    }
    run_until(queue, wire, at + Duration::seconds(1));
    REQUIRE(sink.frames == kWarmup + kCustomers);
    means.add(waits.mean());
  }
  check("link", kLoad, confidence_interval(means, 0.99), kFrameUs * kLoad / (1 - kLoad) / 2);
}
