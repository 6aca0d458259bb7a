// The part of the outside world that both implementations share: links, the switch, its tables and queues.
//
// A frame's way: the station's link (first come, first served), the switch (whole frame stored, address looked up),
// the output port's FIFO, then the station's link downwards. That last leg is what implementations differ in: carry().
#pragma once

#include <deque>
#include <map>
#include <vector>

#include "sim/outside/outside_world.h"
#include "sim/random.h"

namespace sim {

class EthernetSwitch : public OutsideWorld, private EventHandler {
 public:
  StationId attach(Endpoint& endpoint, const LinkSettings& link) override;
  Time send(StationId from, const Packet& packet, Time at) override;
  const TrafficCounts& counts() const override { return counts_; }

 protected:
  using FrameId = std::uint32_t;

  EthernetSwitch(EventQueue& queue, const SwitchSettings& settings)
      : queue_{queue}, settings_{settings}, loss_{Random{settings.seed}.stream("frame loss")} {}

  // The frame's first bit leaves the switch towards `to` now. Calls deliver() once its last bit has arrived.
  virtual void carry(FrameId frame, StationId to, const Packet& packet) = 0;
  void deliver(FrameId frame, Time at);

  EventQueue& queue() { return queue_; }
  const LinkSettings& link(StationId station) const { return stations_[station].link; }

 private:
  enum class Event : std::uint8_t { at_switch, output_free, delivered };

  struct Frame {
    Packet packet;
    StationId station = 0;  // of origin up to the switch, of destination from there on
  };
  struct Station {
    Endpoint* endpoint;
    LinkSettings link;
    Time uplink_free{};
    std::deque<FrameId> output{};  // waiting or being sent, the latter at the front
    std::int64_t output_bytes = 0;
  };

  void on_event(std::uint64_t word) override;
  void schedule(Time at, Event event, std::uint32_t index);
  FrameId keep(const Packet& packet, StationId station);
  void release(FrameId frame);
  void forward(FrameId frame);
  void enqueue(FrameId frame, StationId to);
  void start_output(StationId station);
  void drop(FrameId frame, DropReason reason);

  EventQueue& queue_;
  SwitchSettings settings_;
  RandomStream loss_;
  std::vector<Station> stations_;
  std::map<std::uint64_t, StationId> addresses_;  // where each source address was last heard
  std::vector<Frame> frames_;
  std::vector<FrameId> free_frames_;
  TrafficCounts counts_;
};

// How long a frame of `bytes` occupies a link: padding, preamble, FCS and inter-frame gap included. Rounded up to ps.
Duration serialisation(std::int64_t bytes, std::int64_t bits_per_second);
// Bytes that a frame of `bytes` occupies a link with.
std::int64_t wire_bytes(std::int64_t bytes);

}  // namespace sim
