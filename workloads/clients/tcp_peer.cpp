#include "workloads/clients/tcp_peer.h"

#include <algorithm>

#include "workloads/programs/ttcp.h"

namespace guest {

namespace {

constexpr std::uint16_t kOwnPort = 32'768;         // where it connects from: first of Linux 2.4's range for clients
constexpr std::uint32_t kFirstSequence = 1 << 20;  // any number will do
constexpr std::uint32_t kReceiveBuffer = 1536 + 2 + 16;  // of its card's driver

}  // namespace

TcpPeer::TcpPeer(const TtcpSettings& settings, const Addresses& addresses, const sim::LinkSettings& link,
                 sim::EventQueue& queue, sim::OutsideWorld& world)
    : settings_{settings},
      addresses_{addresses},
      queue_{queue},
      world_{world},
      station_{world.attach(*this, link)},
      left_{sends() ? settings.bytes : 0} {}

TcpConnection TcpPeer::make_connection(SocketAddress own, SocketAddress guest) const {
  TcpSettings tcp;
  tcp.mtu = settings_.mtu;
  tcp.send_buffer = tcp.receive_buffer = 2 * Ttcp::kSocketBuffer;  // Linux doubles what is asked for
  tcp.send_buffer_grows = false;
  return TcpConnection{tcp, own, guest, kFirstSequence};
}

void TcpPeer::start(sim::Time at) {
  if (sends()) queue_.schedule(at, *this, static_cast<std::uint64_t>(Event::start));
}

void TcpPeer::on_event(std::uint64_t word) {
  switch (static_cast<Event>(word)) {
    case Event::start:
      connection_ = make_connection({addresses_.own, kOwnPort}, {addresses_.guest, Ttcp::kPort});
      connection_->connect(queue_.now());
      break;
    case Event::work:
      work_scheduled_ = false;
      break;
    case Event::done:
      end_work();
      break;
    case Event::timer:
      timer_at_ = sim::Time::never();
      connection_->run_timers(queue_.now());
      break;
  }
  begin_work();
  arm_timer();
}

void TcpPeer::receive(const sim::Packet& packet, sim::Time at) {
  arrived_.push_back(packet);
  const bool idle = !receiving_ && !sending_ && !work_scheduled_;
  if (!idle) return;
  work_scheduled_ = true;
  queue_.schedule(at + settings_.peer_interrupt_delay, *this, static_cast<std::uint64_t>(Event::work));
}

// Sending and receiving take turns while there is both to do.
void TcpPeer::begin_work() {
  if (receiving_ || sending_ || work_scheduled_) return;
  if (received_last_ || arrived_.empty()) sending_ = next_to_send();
  while (!sending_ && !receiving_ && !arrived_.empty()) {
    TcpSegment segment;
    const bool ours = parse_packet(arrived_.front(), segment) == PacketError::none &&
                      segment.destination_mac == addresses_.own_mac && segment.destination.address == addresses_.own;
    arrived_.pop_front();
    if (ours) receiving_ = segment;
  }
  if (sending_ || receiving_) {
    queue_.schedule(queue_.now() + settings_.peer_time, *this, static_cast<std::uint64_t>(Event::done));
  }
}

std::optional<TcpSegment> TcpPeer::next_to_send() {
  if (refusal_) return std::exchange(refusal_, std::nullopt);
  return connection_ ? connection_->next_segment(queue_.now()) : std::nullopt;
}

void TcpPeer::end_work() {
  received_last_ = receiving_.has_value();
  if (const auto segment = std::exchange(receiving_, std::nullopt)) handle(*segment);
  if (auto segment = std::exchange(sending_, std::nullopt)) {
    segment->source_mac = addresses_.own_mac;
    segment->destination_mac = addresses_.guest_mac;
    world_.send(station_, build_packet(*segment), queue_.now());
  }
  run_program();
}

void TcpPeer::handle(const TcpSegment& segment) {
  const sim::Time now = queue_.now();
  if (connection_ && connection_->own() == segment.destination && connection_->peer() == segment.source) {
    connection_->receive(segment, buffer_memory(kReceiveBuffer), now);
  } else if (!connection_ && !sends() && segment.syn && !segment.ack && segment.destination.port == Ttcp::kPort) {
    connection_ = make_connection(segment.destination, segment.source);
    connection_->accept(segment, now);
  } else if (!segment.rst) {
    refusal_ = reset_for(segment);
  }
}

// Writes while there is room, or reads all that is there; closes at the end of the stream.
void TcpPeer::run_program() {
  if (!connection_ || closed_ || (!connection_->established() && !connection_->failed())) return;
  TcpConnection& connection = *connection_;
  while (left_ > 0 && connection.room() > 0) {
    const std::int64_t of_call = (left_ - 1) % Ttcp::kCallBytes + 1;
    const auto bytes = static_cast<std::uint32_t>(std::min<std::int64_t>(of_call, connection.room()));
    connection.append(bytes);
    left_ -= bytes;
    if (left_ % Ttcp::kCallBytes == 0) connection.push();
  }
  std::uint32_t taken = 0;
  while (const std::uint32_t bytes = connection.read(connection.readable())) taken += bytes;
  read_ += taken;
  connection.read_done(taken);
  if (sends() ? left_ == 0 : connection.at_end()) {
    closed_ = true;
    connection.close(queue_.now());
  }
}

void TcpPeer::arm_timer() {
  if (!connection_) return;
  const sim::Time when = connection_->next_timer();
  if (when >= timer_at_) return;  // the one that is set will look again
  if (timer_at_ != sim::Time::never()) queue_.cancel(timer_);
  timer_at_ = when;
  timer_ = queue_.schedule(std::max(when, queue_.now()), *this, static_cast<std::uint64_t>(Event::timer));
}

}  // namespace guest
