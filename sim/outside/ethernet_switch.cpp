#include "sim/outside/ethernet_switch.h"

#include <algorithm>
#include <stdexcept>

namespace sim {

namespace {

constexpr std::size_t kAddressBytes = 6;

// The 48-bit address that starts at `offset` of the frame: 0 the destination, 6 the source.
std::uint64_t address_at(const Packet& packet, std::size_t offset) {
  std::uint64_t address = 0;
  for (std::size_t i = 0; i < kAddressBytes; ++i) address = address << 8 | packet.header[offset + i];
  return address;
}

bool is_group(std::uint64_t address) { return (address >> 40 & 1) != 0; }

}  // namespace

std::int64_t wire_bytes(std::int64_t bytes) { return std::max(bytes, kMinimumFrameBytes) + kWireOverheadBytes; }

Duration serialisation(std::int64_t bytes, std::int64_t bits_per_second) {
  constexpr std::int64_t kPicosecondsPerSecond = 1'000'000'000'000;
  // At most 2^16 bytes: the product stays below 2^59.
  const std::int64_t scaled_bits = wire_bytes(bytes) * 8 * kPicosecondsPerSecond;
  return Duration::picoseconds((scaled_bits + bits_per_second - 1) / bits_per_second);
}

StationId EthernetSwitch::attach(Endpoint& endpoint, const LinkSettings& link) {
  if (counts_.sent != 0) throw std::logic_error{"a station was attached to the network after its first frame"};
  stations_.push_back(Station{.endpoint = &endpoint, .link = link});
  return static_cast<StationId>(stations_.size() - 1);
}

Time EthernetSwitch::send(StationId from, const Packet& packet, Time at) {
  Station& station = stations_.at(from);
  const Time start = std::max(at, station.uplink_free);
  station.uplink_free = start + serialisation(packet.bytes, station.link.bits_per_second);
  ++counts_.sent;
  ++counts_.in_flight;
  // The look-up takes the same time for every frame, so it can be made one with the way there.
  schedule(station.uplink_free + station.link.latency + settings_.forwarding_latency, Event::at_switch,
           keep(packet, from));
  return station.uplink_free;
}

void EthernetSwitch::deliver(FrameId frame, Time at) { schedule(at, Event::delivered, frame); }

void EthernetSwitch::on_event(std::uint64_t word) {
  const auto index = static_cast<std::uint32_t>(word >> 8);
  switch (static_cast<Event>(word & 0xFF)) {
    case Event::at_switch:
      forward(index);
      break;
    case Event::output_free: {
      Station& station = stations_[index];
      station.output_bytes -= frames_[station.output.front()].packet.bytes;
      station.output.pop_front();
      start_output(index);
      break;
    }
    case Event::delivered: {
      const Frame frame = frames_[index];  // a copy: the receiver may send, which may move frames_
      release(index);
      ++counts_.delivered;
      --counts_.in_flight;
      stations_[frame.station].endpoint->receive(frame.packet, queue_.now());
      break;
    }
  }
}

// What comes in from the network at an instant precedes what machines do at that instant.
void EthernetSwitch::schedule(Time at, Event event, std::uint32_t index) {
  queue_.schedule(at, *this, std::uint64_t{index} << 8 | static_cast<std::uint64_t>(event), Priority::first);
}

EthernetSwitch::FrameId EthernetSwitch::keep(const Packet& packet, StationId station) {
  if (free_frames_.empty()) {
    frames_.push_back(Frame{packet, station});
    return static_cast<FrameId>(frames_.size() - 1);
  }
  const FrameId frame = free_frames_.back();
  free_frames_.pop_back();
  frames_[frame] = Frame{packet, station};
  return frame;
}

void EthernetSwitch::release(FrameId frame) { free_frames_.push_back(frame); }

void EthernetSwitch::forward(FrameId frame) {
  if (settings_.lost_per_million > 0 && loss_.chance(settings_.lost_per_million, 1'000'000)) {
    drop(frame, DropReason::lost_on_link);
    return;
  }
  const Packet packet = frames_[frame].packet;
  const StationId from = frames_[frame].station;
  const std::uint64_t source = address_at(packet, kAddressBytes);
  if (source != 0 && !is_group(source)) addresses_[source] = from;
  const std::uint64_t destination = address_at(packet, 0);
  if (const auto known = addresses_.find(destination); known != addresses_.end()) {
    if (known->second == from) {
      drop(frame, DropReason::no_receiver);
    } else {
      enqueue(frame, known->second);
    }
    return;
  }
  bool taken = false;
  for (StationId to = 0; to < stations_.size(); ++to) {
    if (to == from) continue;
    if (taken) {
      ++counts_.copied;
      ++counts_.in_flight;
    }
    enqueue(taken ? keep(packet, to) : frame, to);
    taken = true;
  }
  if (!taken) drop(frame, DropReason::no_receiver);
}

void EthernetSwitch::enqueue(FrameId frame, StationId to) {
  Station& station = stations_[to];
  const std::int64_t bytes = frames_[frame].packet.bytes;
  if (station.output_bytes + bytes > settings_.output_fifo_bytes) {
    drop(frame, DropReason::output_fifo_full);
    return;
  }
  frames_[frame].station = to;
  station.output_bytes += bytes;
  station.output.push_back(frame);
  if (station.output.size() == 1) start_output(to);
}

void EthernetSwitch::start_output(StationId to) {
  Station& station = stations_[to];
  if (station.output.empty()) return;
  const FrameId frame = station.output.front();
  const Packet& packet = frames_[frame].packet;
  schedule(queue_.now() + serialisation(packet.bytes, station.link.bits_per_second), Event::output_free, to);
  carry(frame, to, packet);
}

void EthernetSwitch::drop(FrameId frame, DropReason reason) {
  ++counts_.dropped[static_cast<std::size_t>(reason)];
  --counts_.in_flight;
  release(frame);
}

}  // namespace sim
