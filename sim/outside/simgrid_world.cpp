#include "sim/outside/simgrid_world.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <simgrid/kernel/Timer.hpp>
#include <simgrid/kernel/resource/Model.hpp>
#include <simgrid/s4u.hpp>
#include <stdexcept>
#include <string>

namespace sim {

namespace s4u = simgrid::s4u;

namespace {

// SimGrid takes dates closer than this for one; so do we.
constexpr double kPrecisionSeconds = 1e-12;
constexpr double kHostSpeedFlops = 1e9;  // SimGrid wants one; nothing is executed on these hosts

double date_of(Time t) { return t.since_start().to_seconds(); }

// The first whole nanosecond that is not before `date`: the stamp of what happens then.
Time stamp_of(double date) {
  const double nanoseconds = std::ceil((date - kPrecisionSeconds) * 1e9);
  return Time::at(Duration::nanoseconds(static_cast<std::int64_t>(nanoseconds)));
}

}  // namespace

struct SimGridWorld::Engine {
  struct Transfer {
    s4u::CommPtr communication;
    FrameId frame;
  };

  Engine();
  ~Engine();
  void seal();
  void move_to(double date);
  std::optional<double> next_date() const;

  std::unique_ptr<s4u::Engine> engine;
  s4u::NetZone* zone = nullptr;
  s4u::Host* network_switch = nullptr;
  std::vector<s4u::Host*> stations;
  std::vector<Transfer> transfers;  // in the order they started
  bool sealed = false;
};

SimGridWorld::Engine::Engine() {
  if (s4u::Engine::has_instance()) throw std::logic_error{"SimGrid allows one engine per process"};
  std::string program = "ringzero", quiet = "--log=root.thres:warning";
  char* arguments[] = {program.data(), quiet.data(), nullptr};
  int count = 2;
  engine = std::make_unique<s4u::Engine>(&count, arguments);
  // Bandwidth and latency as given: the default model is fitted to TCP on a grid and multiplies latency by 13.
  s4u::Engine::set_config("network/model:CM02");
  s4u::Engine::set_config("network/crosstraffic:0");
  s4u::Engine::set_config("network/TCP-gamma:0");
  s4u::Engine::set_config("surf/precision", kPrecisionSeconds);
  zone = s4u::create_full_zone("lan");
  network_switch = zone->create_host("switch", kHostSpeedFlops);
}

SimGridWorld::Engine::~Engine() {
  for (Transfer& transfer : transfers) transfer.communication->cancel();
  transfers.clear();  // before the engine they belong to
}

void SimGridWorld::Engine::seal() {
  if (!sealed) zone->seal();
  sealed = true;
}

void SimGridWorld::Engine::move_to(double date) {
  // run_until() may come back up to 10 us early. At least once: something may be due at the present date.
  constexpr int kMostSteps = 1'000'000;
  int step = 0;
  do {
    if (++step > kMostSteps) throw std::runtime_error{"SimGrid does not advance"};
    engine->run_until(std::max(date, s4u::Engine::get_clock()));
  } while (s4u::Engine::get_clock() < date);
}

std::optional<double> SimGridWorld::Engine::next_date() const {
  const double now = s4u::Engine::get_clock();
  std::optional<double> next;
  const auto consider = [&next](double date) {
    if (!next || date < *next) next = date;
  };
  for (simgrid::kernel::resource::Model* model : engine->get_all_models()) {
    if (const double delay = model->next_occurring_event(now); delay >= 0) consider(now + delay);
  }
  if (const double date = simgrid::kernel::timer::Timer::next(); date >= 0) consider(date);
  return next;
}

SimGridWorld::SimGridWorld(EventQueue& queue, const SwitchSettings& settings)
    : EthernetSwitch{queue, settings}, engine_{std::make_unique<Engine>()} {}

SimGridWorld::~SimGridWorld() = default;

StationId SimGridWorld::attach(Endpoint& endpoint, const LinkSettings& settings) {
  const StationId station = EthernetSwitch::attach(endpoint, settings);
  const std::string number = std::to_string(station);
  constexpr double kBitsPerByte = 8;
  s4u::Host* host = engine_->zone->create_host("station-" + number, kHostSpeedFlops);
  s4u::Link* downlink =
      engine_->zone->create_link("down-" + number, static_cast<double>(settings.bits_per_second) / kBitsPerByte);
  downlink->set_latency(settings.latency.to_seconds());
  downlink->seal();
  engine_->zone->add_route(engine_->network_switch->get_netpoint(), host->get_netpoint(), nullptr, nullptr,
                           {s4u::LinkInRoute{downlink}}, false);
  engine_->stations.push_back(host);
  return station;
}

void SimGridWorld::carry(FrameId frame, StationId to, const Packet& packet) {
  engine_->seal();
  advance(queue().now());
  engine_->move_to(date_of(queue().now()));
  s4u::CommPtr communication = s4u::Comm::sendto_init(engine_->network_switch, engine_->stations[to]);
  communication->set_payload_size(static_cast<std::uint64_t>(wire_bytes(packet.bytes)));
  communication->start();
  engine_->transfers.push_back({communication, frame});
  next_time_ = stamp_of(engine_->next_date().value());
}

void SimGridWorld::advance(Time until) {
  while (next_time_ <= until && next_time_ != Time::never()) {
    // To the exact date, never to its rounded form: that would miss it for ever.
    engine_->move_to(engine_->next_date().value());
    const Time arrival = std::max(stamp_of(s4u::Engine::get_clock()), queue().now());
    std::erase_if(engine_->transfers, [&](const Engine::Transfer& transfer) {
      if (!transfer.communication->test()) return false;
      deliver(transfer.frame, arrival);
      return true;
    });
    const std::optional<double> next = engine_->next_date();
    next_time_ = next ? stamp_of(*next) : Time::never();
  }
}

}  // namespace sim
