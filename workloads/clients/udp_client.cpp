#include "workloads/clients/udp_client.h"

namespace guest {

namespace {

constexpr std::size_t kSequenceBytes = 8;

void put_sequence(Datagram& datagram, std::uint64_t sequence) {
  for (std::size_t i = 0; i < kSequenceBytes; ++i) datagram.payload[i] = static_cast<std::uint8_t>(sequence >> (8 * i));
}

std::uint64_t sequence_of(const Datagram& datagram) {
  std::uint64_t sequence = 0;
  for (std::size_t i = kSequenceBytes; i-- > 0;) sequence = sequence << 8 | datagram.payload[i];
  return sequence;
}

}  // namespace

UdpClient::UdpClient(const ClientSpec& spec, const Addresses& addresses, const sim::LinkSettings& link,
                     sim::EventQueue& queue, sim::OutsideWorld& world, const sim::RandomStream& random)
    : spec_{checked(spec)},
      addresses_{addresses},
      queue_{queue},
      world_{world},
      random_{random},
      station_{world.attach(*this, link)} {}

const ClientSpec& UdpClient::checked(const ClientSpec& spec) {
  if (spec.payload_bytes < kSequenceBytes || spec.payload_bytes > kMaxDatagramPayload) {
    throw SpecError{"client of " + spec.target, "payload_bytes must be 8 .. 1472: a sequence number in one packet"};
  }
  if (spec.timeout <= sim::Duration{}) throw SpecError{"client of " + spec.target, "timeout must be positive"};
  if (spec.interval.mean < sim::Duration{} || (!is_closed_loop(spec) && spec.interval.mean == sim::Duration{})) {
    throw SpecError{"client of " + spec.target, "the mean interval must be positive"};
  }
  return spec;
}

void UdpClient::change(const ClientSpec& spec) { spec_ = checked(spec); }

void UdpClient::start(sim::Time at) { queue_.schedule(at, *this, static_cast<std::uint64_t>(Event::request)); }

void UdpClient::on_event(std::uint64_t word) { static_cast<Event>(word) == Event::request ? send_request() : expire(); }

void UdpClient::send_request() {
  Datagram datagram;
  datagram.source_mac = addresses_.own_mac;
  datagram.destination_mac = addresses_.target_mac;
  datagram.source = addresses_.own;
  datagram.destination = addresses_.target;
  datagram.payload_bytes = static_cast<std::uint16_t>(spec_.payload_bytes);
  datagram.identification = static_cast<std::uint16_t>(next_sequence_);
  put_sequence(datagram, next_sequence_);
  world_.send(station_, build_packet(datagram), queue_.now());

  window_.push_back({queue_.now()});
  ++next_sequence_;
  ++outstanding_;
  if (!queue_.pending(timeout_event_)) arm_timeout();
  if (!closed_loop()) queue_.schedule(queue_.now() + interval(), *this, static_cast<std::uint64_t>(Event::request));
}

void UdpClient::receive(const sim::Packet& packet, sim::Time at) {
  Datagram datagram;
  if (parse_packet(packet, datagram) != PacketError::none) return;
  if (datagram.destination_mac != addresses_.own_mac || datagram.destination != addresses_.own) return;
  if (datagram.source != addresses_.target || datagram.payload_bytes < kSequenceBytes) return;

  const std::uint64_t sequence = sequence_of(datagram);
  const bool in_window = sequence >= window_start_ && sequence < next_sequence_;
  if (!in_window || window_[sequence - window_start_].answered) {
    ++late_;
    return;
  }
  Request& request = window_[sequence - window_start_];
  request.answered = true;
  samples_.push_back({sequence, request.sent, at - request.sent});
  finished_one();
}

// The oldest request is due: it was answered long ago, or it is lost.
void UdpClient::expire() {
  const bool answered = window_.front().answered;
  window_.pop_front();
  ++window_start_;
  if (!answered) {
    ++lost_;
    finished_one();
  }
  if (!window_.empty()) arm_timeout();
}

void UdpClient::arm_timeout() {
  timeout_event_ =
      queue_.schedule(window_.front().sent + spec_.timeout, *this, static_cast<std::uint64_t>(Event::timeout));
}

void UdpClient::finished_one() {
  --outstanding_;
  if (closed_loop()) {
    queue_.schedule(queue_.now() + spec_.interval.mean, *this, static_cast<std::uint64_t>(Event::request));
  }
}

sim::Duration UdpClient::interval() {
  switch (spec_.interval.kind) {
    case IntervalSettings::Kind::uniform:
      return random_.uniform(sim::Duration{}, spec_.interval.mean * 2);
    case IntervalSettings::Kind::exponential:
      return random_.exponential(spec_.interval.mean);
    case IntervalSettings::Kind::fixed:
    case IntervalSettings::Kind::closed_loop:
      break;
  }
  return spec_.interval.mean;
}

}  // namespace guest
