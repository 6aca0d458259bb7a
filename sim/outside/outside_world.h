// What lies between the modelled machines and their clients: a switched Ethernet that carries frames between stations.
//
// A station (a machine's network card, a client) is plugged into one port of one store-and-forward switch by a
// full-duplex link. The switch learns addresses like any switch: a frame goes to the port its destination address was
// last heard from, otherwise to all other ports. Stations may leave addresses zero when there are only two of them.
//
// Two implementations carry the same frames: FifoWire (exact, integers only) and SimGridWorld (SimGrid's network model,
// which also carries streams). Both deliver through the event queue; the caller drives either by run_until() below.
#pragma once

#include <array>
#include <cstdint>

#include "sim/event_queue.h"
#include "sim/time.h"

namespace sim {

// An Ethernet frame: its length and its first bytes. The rest of the payload has no contents.
struct Packet {
  std::uint16_t bytes = 0;  // from the destination address to the end of the payload, without FCS: 1514 for MTU 1500
  std::array<std::uint8_t, 80> header{};  // the frame's first bytes: Ethernet, IP, UDP or TCP headers, first payload
};

// What a frame occupies a link with, beyond its bytes: preamble 8, FCS 4, inter-frame gap 12.
inline constexpr std::int64_t kWireOverheadBytes = 24;
// The shortest frame without its FCS; shorter ones are padded.
inline constexpr std::int64_t kMinimumFrameBytes = 60;

// Whoever is plugged into a port.
class Endpoint {
 public:
  // The last bit of the frame has arrived. Called from the event queue at `at` == now().
  virtual void receive(const Packet& packet, Time at) = 0;

 protected:
  ~Endpoint() = default;
};

using StationId = std::uint32_t;

struct LinkSettings {
  std::int64_t bits_per_second = 1'000'000'000;  // each way
  Duration latency;                              // of propagation, one way
};

struct SwitchSettings {
  Duration forwarding_latency;  // from last bit in to first bit out of an idle port
  std::int64_t output_fifo_bytes =
      65'536;                          // per port, frames waiting or being sent; a frame that does not fit is dropped
  std::uint32_t lost_per_million = 0;  // frames that a link on the way to the switch spoils, whosever they are
  std::uint64_t seed = 0;              // of what decides which
};

enum class DropReason : std::uint8_t { output_fifo_full, no_receiver, lost_on_link, count };

// sent + copied == delivered + all of dropped + in_flight, at any time.
struct TrafficCounts {
  std::uint64_t sent = 0;    // by stations
  std::uint64_t copied = 0;  // by the switch, beyond the first, where a frame goes to several ports
  std::uint64_t delivered = 0;
  std::array<std::uint64_t, static_cast<std::size_t>(DropReason::count)> dropped{};
  std::uint64_t in_flight = 0;

  std::uint64_t dropped_for(DropReason reason) const { return dropped[static_cast<std::size_t>(reason)]; }
};

class OutsideWorld {
 public:
  virtual ~OutsideWorld() = default;

  // Before the first send. The endpoint outlives the world.
  virtual StationId attach(Endpoint& endpoint, const LinkSettings& link) = 0;

  // Puts a frame on the station's link at `at`, which is not before the queue's now(). Waits (without limit: the sender
  // has its own FIFO) while the link is busy with the station's earlier frames. Returns when the link is free again.
  virtual Time send(StationId from, const Packet& packet, Time at) = 0;

  virtual const TrafficCounts& counts() const = 0;

  // The earliest instant at which this world has something to do by itself; never() if only the queue moves it.
  Time next_time() const { return next_time_; }
  // Does everything due up to and including `until`; arrivals become events of the queue.
  virtual void advance(Time until) = 0;

 protected:
  Time next_time_ = Time::never();
};

// Runs queue and world together up to and including `until`; then queue.now() == until. At equal times the world first.
void run_until(EventQueue& queue, OutsideWorld& world, Time until);
// One step of the same: one event or one advance of the world; false when nothing is due up to and including `until`.
bool run_next(EventQueue& queue, OutsideWorld& world, Time until);

}  // namespace sim
