// Stations for tests of the outside world: they record what arrives, and can answer.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "sim/outside/outside_world.h"

namespace sim {

struct Arrival {
  std::uint32_t station;
  std::uint8_t tag;
  Time at;
  friend bool operator==(const Arrival&, const Arrival&) = default;
};

// A frame from station `source` to station `destination`; addresses are 02:00:00:00:00:<station + 1>.
inline Packet frame(std::uint16_t bytes, std::uint8_t source, std::uint8_t destination, std::uint8_t tag = 0) {
  Packet packet{.bytes = bytes};
  packet.header[0] = packet.header[6] = 0x02;
  packet.header[5] = static_cast<std::uint8_t>(destination + 1);
  packet.header[11] = static_cast<std::uint8_t>(source + 1);
  packet.header[14] = tag;
  return packet;
}

class RecordingStation final : public Endpoint {
 public:
  RecordingStation(std::uint32_t number, std::vector<Arrival>& log) : number_{number}, log_{log} {}
  void receive(const Packet& packet, Time at) override {
    log_.push_back({number_, packet.header[14], at});
    if (on_receive) on_receive(packet, at);
  }
  std::function<void(const Packet&, Time)> on_receive;

 private:
  std::uint32_t number_;
  std::vector<Arrival>& log_;
};

inline bool conserved(const TrafficCounts& counts) {
  std::uint64_t dropped = 0;
  for (const std::uint64_t n : counts.dropped) dropped += n;
  return counts.sent + counts.copied == counts.delivered + dropped + counts.in_flight;
}

}  // namespace sim
